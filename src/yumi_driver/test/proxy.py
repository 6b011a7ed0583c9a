"""A network between fleet and gateway that can be slow, interrupted or noisy."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Self


class Proxy:
    """Forwards one local port to another, in its own thread, while its context lasts."""

    def __init__(self, to_port: int) -> None:
        self.delay_s = 0.0
        """Delay in each direction, s."""
        self.cut = False
        """Whether all data is dropped without an error."""
        self.noise = False
        """Whether a byte of every packet of the gateway is changed."""
        self._to_port = to_port
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()

    def __enter__(self) -> Self:
        started: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, args=(started,))
        self._thread.start()
        self.port = started.result()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def _run(self, started: Future[int]) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(started))

    async def _serve(self, started: Future[int]) -> None:
        server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        started.set_result(server.sockets[0].getsockname()[1])
        await self._closing.wait()
        server.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
        except ConnectionRefusedError:
            writer.transport.abort()
            return
        tasks = [
            asyncio.create_task(self._copy(reader, there_writer, noisy=False)),
            asyncio.create_task(self._copy(there_reader, writer, noisy=True)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in (writer, there_writer):
                end.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, noisy: bool) -> None:
        """Copy all data in order, each packet after the delay."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due_s, data = await waiting.get()
                await asyncio.sleep(max(0.0, due_s - self._loop.time()))
                if not self.cut:
                    writer.write(data)

        delivering = asyncio.create_task(deliver())
        try:
            while data := await reader.read(65536):
                if noisy and self.noise:
                    data = bytes([data[0] ^ 1]) + data[1:]
                waiting.put_nowait((self._loop.time() + self.delay_s, data))
        finally:
            delivering.cancel()
