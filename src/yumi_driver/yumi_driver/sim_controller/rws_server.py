"""Robot Web Services 1.0 over HTTP, in its own thread."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from http import HTTPStatus
from typing import TypeAlias

from aiohttp import web

from yumi_driver.sim_controller.access import Access
from yumi_driver.sim_controller.controller import Controller
from yumi_driver.sim_controller.elog_resources import ElogResources
from yumi_driver.sim_controller.io_resources import IoResources
from yumi_driver.sim_controller.motion_resources import MotionResources
from yumi_driver.sim_controller.panel_resources import PanelResources
from yumi_driver.sim_controller.rapid_resources import RapidResources
from yumi_driver.sim_controller.refusal import Refusal, ReturnCode, invalid
from yumi_driver.sim_controller.resource import Request, Resource, Route, State

_SESSION = web.RequestKey("session", str)

_Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RwsServer:
    """Serves a controller on the loopback interface from its creation until it is closed."""

    def __init__(self, controller: Controller, access: Access, port: int) -> None:
        """Start to serve; port 0 selects a free one.

        Raises:
            OSError: the server cannot listen at the port.
        """
        self._controller = controller
        self._access = access
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        started: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, args=(port, started), name="robot web services")
        self._thread.start()
        self.port = started.result()

    def close(self) -> None:
        """Stop the server."""
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def _run(self, port: int, started: Future[int]) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._serve(port, started))
        except OSError as error:
            started.set_exception(error)

    async def _serve(self, port: int, started: Future[int]) -> None:
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            started.set_result(runner.addresses[0][1])
            await self._closing.wait()
        finally:
            await runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[self._enter, _answer_in_json])
        actions: dict[tuple[str, str], dict[str, Resource]] = defaultdict(dict)
        for route in self._routes():
            actions[route.method, route.path][route.action] = route.resource
        for (method, path), resources in actions.items():
            application.router.add_route(method, path + "{slash:/?}", self._handler(resources))
        application.router.add_get("/logout", self._logout)
        return application

    def _routes(self) -> list[Route]:
        controller = self._controller
        return [
            *PanelResources(controller.panel).routes(),
            *RapidResources(controller).routes(),
            *IoResources(controller.panel, controller.signals).routes(),
            *MotionResources(controller.arms).routes(),
            *ElogResources(controller.log).routes(),
        ]

    def _handler(self, resources: Mapping[str, Resource]) -> _Handler:
        async def handle(request: web.Request) -> web.Response:
            if request.query.get("json") != "1":
                raise Refusal(HTTPStatus.NOT_IMPLEMENTED, ReturnCode.FAILED, "only json=1 is simulated")
            resource = resources.get(request.query.get("action", ""))
            if resource is None:
                raise invalid("action is unknown")
            parameters = Request(request.match_info, request.query, await request.post())
            # A control step holds the lock only briefly, so that blocking the event loop is acceptable.
            with self._controller.lock:
                states = resource(parameters)
            return web.Response(status=HTTPStatus.NO_CONTENT) if states is None else _answer(request, states)

        return handle

    async def _logout(self, request: web.Request) -> web.Response:
        self._access.leave(request[_SESSION])
        return web.Response(status=HTTPStatus.NO_CONTENT)

    @web.middleware
    async def _enter(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        session = self._access.enter(request)
        request[_SESSION] = session
        response = await handler(request)
        self._access.mark(response, session)
        return response


@web.middleware
async def _answer_in_json(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as refusal:
        return _answer(request, [], refusal.status, {"code": int(refusal.code), "msg": str(refusal)})
    except web.HTTPException as error:
        return _answer(request, [], error.status, {"code": int(ReturnCode.FAILED), "msg": error.reason})


def _answer(
    request: web.Request, states: list[State], status: int = HTTPStatus.OK, refusal: State | None = None
) -> web.Response:
    embedded: State = {"_state": states} if refusal is None else {"status": refusal, "_state": states}
    body = {"_links": {"base": {"href": str(request.url.origin()) + "/"}}, "_embedded": embedded}
    # Without a charset in the content type, because clients of real controllers compare the whole header.
    return web.Response(body=json.dumps(body).encode(), status=status, content_type="application/json")
