"""Cameras above simulated cells, served as MJPEG streams over HTTP. H rows, W columns."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

import cv2
import numpy as np
from aiohttp import web

from sim_bridge.overhead_camera import OverheadCamera
from sim_bridge.push.cell_model import push_cell_model
from yumi_driver.agent.camera import JPEG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim_bridge.push.geometry import PushGeometry
    from yumi_driver.simulated.pushed_cell import PushedCell

RATE_HZ = 10.0
"""Pictures per second."""
SIDE_PX = 288
BOUNDARY = "picture"


class Cameras:
    """Serves one camera per cell from its creation until it is closed."""

    def __init__(self, cells: Mapping[str, PushedCell], geometry: PushGeometry) -> None:
        self._cells = cells
        self._geometry = geometry
        self._frozen: set[str] = set()
        self._pictures: dict[str, bytes] = {}
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._taken = asyncio.Condition()
        started: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="cameras")
        self._thread.start()
        self._port = started.result()

    def url(self, name: str) -> str:
        """Return the URL of a camera's stream."""
        return f"http://127.0.0.1:{self._port}/{name}"

    def freeze(self, name: str) -> None:
        """Let a camera repeat its last picture."""
        self._frozen.add(name)

    def thaw(self, name: str) -> None:
        """Let a camera take new pictures again."""
        self._frozen.discard(name)

    def close(self) -> None:
        """Stop all cameras."""
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def _run(self, started: Future[int]) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._serve(started))
        except BaseException as error:
            if not started.done():
                started.set_exception(error)
            raise

    async def _serve(self, started: Future[int]) -> None:
        application = web.Application()
        application.router.add_get("/{name}", self._stream)
        server = web.AppRunner(application, shutdown_timeout=0.5)
        await server.setup()
        site = web.TCPSite(server, "127.0.0.1", 0)
        await site.start()
        (address, *_) = server.addresses
        camera = OverheadCamera(push_cell_model(SIDE_PX, SIDE_PX, self._geometry))
        try:
            self._take(camera)
            started.set_result(address[1])
            while not self._closing.is_set():
                async with self._taken:
                    self._take(camera)
                    self._taken.notify_all()
                await asyncio.sleep(1 / RATE_HZ)
        finally:
            camera.close()
            async with self._taken:
                self._taken.notify_all()
            await server.cleanup()

    def _take(self, camera: OverheadCamera) -> None:
        """Take a picture of every cell, in the thread of the event loop, which the renderer belongs to."""
        noise = np.random.default_rng()
        for name, cell in self._cells.items():
            if name not in self._frozen:
                cell.show(camera.data)
                picture_HW3 = camera.draw().copy()
                row_W3 = picture_HW3[0].astype(np.int16) + noise.integers(-8, 9, picture_HW3[0].shape)
                picture_HW3[0] = np.clip(row_W3, 0, 255)
                _, jpeg = cv2.imencode(".jpg", picture_HW3[..., ::-1], JPEG)
                self._pictures[name] = jpeg.tobytes()

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in self._cells:
            raise web.HTTPNotFound
        response = web.StreamResponse(headers={"Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}"})
        await response.prepare(request)
        while not self._closing.is_set():
            async with self._taken:
                await self._taken.wait()
            jpeg = self._pictures[name]
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            try:
                await response.write(head.encode() + jpeg + b"\r\n")
            except ConnectionError:
                break
        return response
