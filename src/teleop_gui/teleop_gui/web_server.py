"""The operators' page: a web server in its own thread, with one WebSocket per operator.

States are numbered. The next state is sent when the browser has confirmed that it shows the last, so that a slow connection
is late by one picture at most. Input carries the number of the state that the operator saw.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, WSMsgType, web
from pydantic import Field, ValidationError

from fleet_contract.operation import Share
from fleet_contract.validation import InputError, StrictModel

PAGE = Path(__file__).parent / "page"
MAX_MESSAGE_BYTES = 1024
"""Longest message that a browser may send, bytes."""
CLIENT_TIMEOUT_S = 3.0
"""Seconds after which a browser is disconnected that sends nothing, or does not confirm the state that it was sent."""
MAX_QUEUED_EVENTS = 1000
"""Number of unhandled events beyond which a browser is disconnected: no person is so fast."""
START_S = 10.0
"""Timeout of the server's start, s."""


class ClientHello(StrictModel):
    """The first message of a browser."""

    human: str
    token: str = ""


class Input(StrictModel):
    """Input of an operator."""

    shown: int = 0
    """Number of the state that the operator saw."""

    point: tuple[Share, Share] | None = None
    """Position of the pointer, in shares of the picture's width and height."""
    away: bool = False
    """Whether the pointer has left the picture."""
    click: tuple[Share, Share] | None = None
    """Position of a click, in shares of the picture's width and height."""
    hold: bool | None = None
    """Whether the drive key is held; sent repeatedly while it is."""
    press: str | None = Field(default=None, max_length=1)
    """A pressed key."""


@dataclass(frozen=True)
class Login:
    """A person wants to join as this operator."""

    human: str
    answer: Future[str]
    """Why the person is refused; empty if they may join."""


@dataclass(frozen=True)
class Logout:
    """An operator has left."""

    human: str


@dataclass(frozen=True)
class InputEvent:
    """Input of an operator has arrived."""

    human: str
    input: Input


@dataclass
class Session:
    """What is shown to one operator next."""

    state: Mapping[str, Any] = field(default_factory=dict)
    jpeg: bytes = b""
    futures: bytes = b""
    """JPEG of the imagined futures; empty without any."""
    sent_futures: bytes = b""
    """Futures sent last: they are sent again only when they have changed."""
    updated: asyncio.Event = field(default_factory=asyncio.Event)
    sent: int = 0
    """Number of the state sent last."""
    shown: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the browser has confirmed the state sent last."""


class WebServer:
    """Serves the page until it is closed. `events` queues logins, logouts and input in order of arrival."""

    def __init__(
        self, host: str, port: int, token: str, humans: tuple[str, ...], client_timeout_s: float = CLIENT_TIMEOUT_S
    ) -> None:
        """Start listening; port 0 selects a free one. Everybody who knows the token may drive robots.

        Raises:
            InputError: the server cannot listen at the address.
            ValueError: the token is empty.
        """
        if not token:
            raise ValueError("token is empty")
        self.events: SimpleQueue[Login | Logout | InputEvent] = SimpleQueue()
        self.port = port
        self._token = token
        self._client_timeout_s = client_timeout_s
        self._humans = humans
        self._sessions: dict[str, Session] = {}
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(host, started), name="web", daemon=True)
        self._thread.start()
        try:
            started.result(START_S)
        except (OSError, UnicodeError) as error:
            self._thread.join()
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"--host, --port: expected an address to listen at, got {host} {port}: {reason}."
            ) from None

    def show(self, human: str, state: Mapping[str, Any], jpeg: bytes, futures: bytes = b"") -> None:
        """Set the state, which has a `number`, and the pictures to send to an operator; ignored if they have not joined."""
        self._loop.call_soon_threadsafe(self._show, human, state, jpeg, futures)

    def close(self) -> None:
        """Disconnect all browsers and stop; further calls do nothing."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join()

    def _run(self, host: str, started: Future[None]) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(host, started))

    async def _serve(self, host: str, started: Future[None]) -> None:
        app = web.Application()
        app.on_response_prepare.append(_add_security_headers)
        app.router.add_get("/", _page)
        app.router.add_get("/humans", self._list)
        app.router.add_get("/operator", self._operator)
        app.router.add_static("/page", PAGE)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, self.port)
            await site.start()
            self.port = runner.addresses[0][1]
            started.set_result(None)
        except (OSError, UnicodeError) as error:
            started.set_exception(error)
        else:
            await self._closing.wait()
        await runner.cleanup()

    def _show(self, human: str, state: Mapping[str, Any], jpeg: bytes, futures: bytes) -> None:
        session = self._sessions.get(human)
        if session:
            session.state, session.jpeg, session.futures = state, jpeg, futures
            session.updated.set()

    async def _list(self, _: web.Request) -> web.Response:
        return web.json_response(list(self._humans))

    async def _operator(self, request: web.Request) -> web.WebSocketResponse:
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden(text="WebSockets are accepted from the fleet's own page only.")
        socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE_BYTES)
        await socket.prepare(request)
        refusal, human = await self._admit(socket)
        if refusal:
            await socket.send_json({"refused": refusal})
            await socket.close(code=WSCloseCode.POLICY_VIOLATION)
            return socket
        session = self._sessions[human] = Session()
        sending = asyncio.create_task(_send_states(socket, session, self._client_timeout_s))
        closing = asyncio.create_task(self._closing.wait())
        receiving = asyncio.create_task(self._receive(socket, session, human))
        try:
            await asyncio.wait({sending, closing, receiving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._sessions[human]
            self.events.put(Logout(human))
            for task in (sending, closing, receiving):
                task.cancel()
            await asyncio.gather(sending, closing, receiving, return_exceptions=True)
            await socket.close(code=WSCloseCode.GOING_AWAY)
        return socket

    async def _admit(self, socket: web.WebSocketResponse) -> tuple[str, str]:
        """Return why the browser is refused, empty if it is admitted, and the operator's name."""
        try:
            message = await socket.receive(self._client_timeout_s)
            hello = ClientHello.model_validate_json(message.data if message.type is WSMsgType.TEXT else "")
        except (ValidationError, TimeoutError):
            return "The first message must name the operator.", ""
        if not hmac.compare_digest(hello.token.encode(), self._token.encode()):
            return "The token is wrong.", ""
        if hello.human not in self._humans:
            return f"There is no operator {hello.human}.", ""
        answer: Future[str] = Future()
        self.events.put(Login(hello.human, answer))
        return await asyncio.wrap_future(answer), hello.human

    async def _receive(self, socket: web.WebSocketResponse, session: Session, human: str) -> None:
        while self.events.qsize() < MAX_QUEUED_EVENTS:
            try:
                frame = await socket.receive(self._client_timeout_s)
                message = Input.model_validate_json(frame.data if frame.type is WSMsgType.TEXT else "")
            except (ValidationError, TimeoutError):
                return
            if message.shown == session.sent:
                session.shown.set()
            self.events.put(InputEvent(human, message))


async def _page(_: web.Request) -> web.FileResponse:
    return web.FileResponse(PAGE / "index.html")


async def _add_security_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Allow no foreign content in the page, and the page in no foreign frame."""
    response.headers["Content-Security-Policy"] = "default-src 'self'; img-src blob: data:; frame-ancestors 'none'"


async def _send_states(socket: web.WebSocketResponse, session: Session, timeout_s: float) -> None:
    while True:
        await session.updated.wait()
        session.updated.clear()
        session.shown.clear()
        session.sent = session.state["number"]
        state, jpeg = dict(session.state), session.jpeg
        if session.futures != session.sent_futures:
            session.sent_futures = session.futures
            state["futures"] = base64.b64encode(session.futures).decode()
        await socket.send_json(state)
        if jpeg:
            await socket.send_bytes(jpeg)
        await asyncio.wait_for(session.shown.wait(), timeout_s)
