"""A client of Foxglove's WebSocket protocol that reads what it gets by the definitions that the server tells."""

from __future__ import annotations

import asyncio
import struct
import threading
from queue import Queue

import aiohttp
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

MESSAGE = struct.Struct("<BIQ")
"""Opcode, subscription and time of a message, which follows."""


class FoxgloveClient:
    """Connects, hears what is offered, and notes every frame that comes, by topic."""

    def __init__(self, port: int) -> None:
        self.frames: dict[str, list[bytes]] = {}
        self.channels: dict[str, dict] = {}
        self._orders: asyncio.Queue = asyncio.Queue()
        self._ready: Queue = Queue()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._talk(port)))
        self._thread.start()
        self._loop = self._ready.get(timeout=20)

    async def _talk(self, port: int) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"http://127.0.0.1:{port}/", protocols=["foxglove.sdk.v1"], max_msg_size=0) as socket,
        ):
            hearing = asyncio.create_task(self._hear(socket))
            self._ready.put(asyncio.get_running_loop())
            while (order := await self._orders.get()) is not None:
                await socket.send_json(order)
            await socket.close()
            await hearing

    async def _hear(self, socket) -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                said = message.json()
                for channel in said["channels"] if said["op"] == "advertise" else ():
                    self.channels[channel["topic"]] = channel
            elif message.type is aiohttp.WSMsgType.BINARY:
                opcode, subscription, _ = MESSAGE.unpack_from(message.data)
                assert opcode == 1
                topic = next(name for name, channel in self.channels.items() if channel["id"] == subscription)
                self.frames.setdefault(topic, []).append(message.data[MESSAGE.size :])

    def _order(self, order) -> None:
        self._loop.call_soon_threadsafe(self._orders.put_nowait, order)

    def subscribe(self, *topics: str) -> None:
        """Subscriptions get the ids of their channels."""
        ids = [self.channels[topic]["id"] for topic in topics]
        self._order({"op": "subscribe", "subscriptions": [{"id": id_, "channelId": id_} for id_ in ids]})

    def unsubscribe(self, *topics: str) -> None:
        self._order({"op": "unsubscribe", "subscriptionIds": [self.channels[topic]["id"] for topic in topics]})

    def read(self, topic: str, frame: bytes):
        """The message, by the channel's own schema and nothing else."""
        channel = self.channels[topic]
        assert (channel["encoding"], channel["schemaEncoding"]) == ("cdr", "ros2msg")
        store = get_typestore(Stores.EMPTY)
        store.register(get_types_from_msg(channel["schema"], channel["schemaName"]))
        return store.deserialize_cdr(frame, channel["schemaName"])

    def close(self) -> None:
        """May be called again."""
        if self._thread.is_alive():
            self._order(None)
            self._thread.join()
