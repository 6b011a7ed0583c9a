"""Frames between the fleet and the agent beside a robot: a magic, a version, a kind, a length, a checksum, a payload.

The first invalid byte ends the connection.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

from pydantic import BaseModel, ValidationError

VERSION = 2
"""Version of the protocol; fleet and agent must have the same."""
MAGIC = b"YU"
HEADER = struct.Struct(">2sBBII")
"""Magic, version, kind, length of the payload, and CRC-32 of version, kind, length and payload."""
MAX_PAYLOAD_BYTES = 4 << 20
"""Largest payload, bytes."""


class Kind(IntEnum):
    """Kind of a frame."""

    HELLO = 1
    """First frame of either side."""
    HEARTBEAT = 2
    PUSH = 3
    STOP = 4
    READMIT = 5
    PARK = 6
    STATE = 16
    PICTURE = 17


class WireError(Exception):
    """The received bytes are no frame of this version; the message states what was received."""


@dataclass(frozen=True)
class WireFrame:
    """One frame."""

    kind: Kind
    payload: bytes = b""

    def encode(self) -> bytes:
        """Return the frame's bytes.

        Raises:
            ValueError: the payload is longer than MAX_PAYLOAD_BYTES.
        """
        if len(self.payload) > MAX_PAYLOAD_BYTES:
            raise ValueError(f"payload: expected at most {MAX_PAYLOAD_BYTES} bytes, got {len(self.payload)}")
        return (
            HEADER.pack(MAGIC, VERSION, self.kind, len(self.payload), _checksum(self.kind, self.payload)) + self.payload
        )


class Decoder:
    """Decodes a byte stream, in pieces of any size, into frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[WireFrame]:
        """Yield the frames that these bytes complete.

        Raises:
            WireError: the bytes are no frames.
        """
        self._bytes += data
        while len(self._bytes) >= HEADER.size:
            magic, version, kind, length, checksum = HEADER.unpack_from(self._bytes)
            if magic != MAGIC:
                raise WireError(f"expected the beginning of a frame, got {bytes(self._bytes[:16])!r}")
            if version != VERSION:
                raise WireError(f"expected protocol version {VERSION}, got {version}")
            if length > MAX_PAYLOAD_BYTES:
                raise WireError(f"expected a frame of at most {MAX_PAYLOAD_BYTES} bytes, got {length}")
            if len(self._bytes) < HEADER.size + length:
                return
            payload = bytes(self._bytes[HEADER.size : HEADER.size + length])
            if _checksum(kind, payload) != checksum:
                raise WireError("received a frame with a wrong checksum")
            del self._bytes[: HEADER.size + length]
            try:
                yield WireFrame(Kind(kind), payload)
            except ValueError:
                raise WireError(f"expected a known kind of frame, got {kind}") from None


Message = TypeVar("Message", bound=BaseModel)


def pack(kind: Kind, message: BaseModel) -> bytes:
    """Return a frame with a message as its payload."""
    return WireFrame(kind, message.model_dump_json().encode()).encode()


def unpack(frame: WireFrame, model: type[Message]) -> Message:
    """Return the message in a frame.

    Raises:
        WireError: the payload is no message of this type.
    """
    try:
        return model.model_validate_json(frame.payload)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise WireError(f"{frame.kind.name}: {place or 'payload'}: {first['msg']}") from None


def _checksum(kind: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(bytes([VERSION, kind]) + len(payload).to_bytes(4, "big")))
