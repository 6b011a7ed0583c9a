"""The operators' page: a web server in a thread of its own, one WebSocket per person.

What is shown is numbered. The next goes out when the browser has said that it shows the last, so that a slow line is late by
one picture and not by many; and what people do comes with the number of what they saw.
"""

from __future__ import annotations

import asyncio
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
LONGEST_MESSAGE = 1024
"""Bytes of what a browser may say at once."""
GONE_S = 3.0
"""A browser that says nothing, or does not say for so long that it shows what it was sent, is gone."""
MOST_WAITING = 1000
"""Things that people have done and nobody has looked at: a browser that does more is not a person's."""
START_S = 10.0


class ClientHello(StrictModel):
    """The first thing that a browser says."""

    human: str
    token: str = ""


class Input(StrictModel):
    """What a person has done."""

    shown: int = 0
    """The number of what the person saw then."""

    point: tuple[Share, Share] | None = None
    """The pointer is there, shares of the picture's width and height."""
    away: bool = False
    """The pointer has left the picture."""
    click: tuple[Share, Share] | None = None
    hold: bool | None = None
    """The drive key is down (said again and again), or up."""
    press: str | None = Field(default=None, max_length=1)
    """A key."""


@dataclass(frozen=True)
class Login:
    """A person wants the place of a supervisor."""

    human: str
    answer: Future[str]
    """A sentence that refuses, or nothing."""


@dataclass(frozen=True)
class Logout:
    """A person has gone."""

    human: str


@dataclass(frozen=True)
class Done:
    """A person has done something."""

    human: str
    input: Input


@dataclass
class Session:
    """What is to be shown to one person next."""

    state: Mapping[str, Any] = field(default_factory=dict)
    jpeg: bytes = b""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    sent: int = 0
    """The number of what is on its way, or shown."""
    shown: asyncio.Event = field(default_factory=asyncio.Event)


class WebServer:
    """Serves the page until it is closed. `events` tells what people do, in their order."""

    def __init__(self, host: str, port: int, token: str, humans: tuple[str, ...]) -> None:
        """Listen at once; port 0 is a free one. Whoever knows the token may drive robots.

        Raises:
            BadInput: nobody can listen there.
            ValueError: there is no token.
        """
        if not token:
            raise ValueError("token is empty")
        self.events: SimpleQueue[Login | Logout | Done] = SimpleQueue()
        self.port = port
        self._token = token
        self._humans = humans
        self._sessions: dict[str, Session] = {}
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(host, started), name="web", daemon=True)
        self._thread.start()
        try:
            started.result(START_S)
        except (OSError, UnicodeError) as error:
            self._thread.join()
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"--host, --port: found {host} {port}: {reason}.") from None

    def show(self, human: str, state: Mapping[str, Any], jpeg: bytes) -> None:
        """The newest for one person, with its `number` in the state; who is not there sees nothing."""
        self._loop.call_soon_threadsafe(self._show, human, state, jpeg)

    def close(self) -> None:
        """Send everybody home and stop; may be called again."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join()

    def _run(self, host: str, started: Future[None]) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(host, started))

    async def _serve(self, host: str, started: Future[None]) -> None:
        app = web.Application()
        app.on_response_prepare.append(_guard)
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
            await self._over.wait()
        await runner.cleanup()

    def _show(self, human: str, state: Mapping[str, Any], jpeg: bytes) -> None:
        session = self._sessions.get(human)
        if session:
            session.state, session.jpeg = state, jpeg
            session.news.set()

    async def _list(self, _: web.Request) -> web.Response:
        return web.json_response(list(self._humans))

    async def _operator(self, request: web.Request) -> web.WebSocketResponse:
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden(text="This page is not the fleet's own.")
        socket = web.WebSocketResponse(max_msg_size=LONGEST_MESSAGE)
        await socket.prepare(request)
        refusal, human = await self._admit(socket)
        if refusal:
            await socket.send_json({"refused": refusal})
            await socket.close(code=WSCloseCode.POLICY_VIOLATION)
            return socket
        session = self._sessions[human] = Session()
        showing = asyncio.create_task(_keep_showing(socket, session))
        over = asyncio.create_task(self._over.wait())
        listening = asyncio.create_task(self._listen(socket, session, human))
        try:
            await asyncio.wait({showing, over, listening}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._sessions[human]
            self.events.put(Logout(human))
            for task in (showing, over, listening):
                task.cancel()
            await asyncio.gather(showing, over, listening, return_exceptions=True)
            await socket.close(code=WSCloseCode.GOING_AWAY)
        return socket

    async def _admit(self, socket: web.WebSocketResponse) -> tuple[str, str]:
        """A sentence that refuses, or nothing; and who it is."""
        try:
            message = await socket.receive(GONE_S)
            hello = ClientHello.model_validate_json(message.data if message.type is WSMsgType.TEXT else "")
        except (ValidationError, TimeoutError):
            return "Say first who you are.", ""
        if not hmac.compare_digest(hello.token.encode(), self._token.encode()):
            return "The token is wrong.", ""
        if hello.human not in self._humans:
            return f"There is no operator {hello.human}.", ""
        answer: Future[str] = Future()
        self.events.put(Login(hello.human, answer))
        return await asyncio.wrap_future(answer), hello.human

    async def _listen(self, socket: web.WebSocketResponse, session: Session, human: str) -> None:
        while self.events.qsize() < MOST_WAITING:
            try:
                message = await socket.receive(GONE_S)
                done = Input.model_validate_json(message.data if message.type is WSMsgType.TEXT else "")
            except (ValidationError, TimeoutError):
                return
            if done.shown == session.sent:
                session.shown.set()
            self.events.put(Done(human, done))


async def _page(_: web.Request) -> web.FileResponse:
    return web.FileResponse(PAGE / "index.html")


async def _guard(_: web.Request, response: web.StreamResponse) -> None:
    """Nothing from elsewhere in the page, and the page in nothing from elsewhere."""
    response.headers["Content-Security-Policy"] = "default-src 'self'; img-src blob: data:; frame-ancestors 'none'"


async def _keep_showing(socket: web.WebSocketResponse, session: Session) -> None:
    while True:
        await session.news.wait()
        session.news.clear()
        session.shown.clear()
        session.sent = session.state["number"]
        await socket.send_json(session.state)
        if session.jpeg:
            await socket.send_bytes(session.jpeg)
        await asyncio.wait_for(session.shown.wait(), GONE_S)
