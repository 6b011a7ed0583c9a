"""A client of Foxglove's WebSocket protocol that reads messages by the definitions that the server sends."""

from __future__ import annotations

import asyncio
import struct
import threading
from queue import Queue

import aiohttp
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

MESSAGE = struct.Struct("<BIQ")
"""Header of a message: opcode, subscription ID and time."""


class FoxgloveClient:
    """Connects, and stores the advertised channels and all received frames, by topic."""

    def __init__(self, port: int) -> None:
        self.frames: dict[str, list[bytes]] = {}
        self.channels: dict[str, dict] = {}
        self._requests: asyncio.Queue = asyncio.Queue()
        self._ready: Queue = Queue()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._talk(port)))
        self._thread.start()
        self._loop = self._ready.get(timeout=120)

    async def _talk(self, port: int) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"http://127.0.0.1:{port}/", protocols=["foxglove.sdk.v1"], max_msg_size=0) as socket,
        ):
            receiving = asyncio.create_task(self._receive(socket))
            self._ready.put(asyncio.get_running_loop())
            while (request := await self._requests.get()) is not None:
                await socket.send_json(request)
            await socket.close()
            await receiving

    async def _receive(self, socket) -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                notice = message.json()
                for channel in notice["channels"] if notice["op"] == "advertise" else ():
                    self.channels[channel["topic"]] = channel
            elif message.type is aiohttp.WSMsgType.BINARY:
                opcode, subscription, _ = MESSAGE.unpack_from(message.data)
                assert opcode == 1
                topic = next(name for name, channel in self.channels.items() if channel["id"] == subscription)
                self.frames.setdefault(topic, []).append(message.data[MESSAGE.size :])

    def _send(self, request) -> None:
        self._loop.call_soon_threadsafe(self._requests.put_nowait, request)

    def subscribe(self, *topics: str) -> None:
        """Subscribe; subscriptions get the IDs of their channels."""
        ids = [self.channels[topic]["id"] for topic in topics]
        self._send({"op": "subscribe", "subscriptions": [{"id": id_, "channelId": id_} for id_ in ids]})

    def unsubscribe(self, *topics: str) -> None:
        self._send({"op": "unsubscribe", "subscriptionIds": [self.channels[topic]["id"] for topic in topics]})

    def read(self, topic: str, frame: bytes):
        """Return the message, decoded by the channel's own schema and nothing else."""
        channel = self.channels[topic]
        assert (channel["encoding"], channel["schemaEncoding"]) == ("cdr", "ros2msg")
        store = get_typestore(Stores.EMPTY)
        store.register(get_types_from_msg(channel["schema"], channel["schemaName"]))
        return store.deserialize_cdr(frame, channel["schemaName"])

    def close(self) -> None:
        """Disconnect; further calls do nothing."""
        if self._thread.is_alive():
            self._send(None)
            self._thread.join()
