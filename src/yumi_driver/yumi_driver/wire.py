"""Frames between the fleet and the agent beside a robot: a magic, a version, a kind, a length, a checksum, a payload.

A stream of bytes that is anything else is refused at once: whoever sends garbage is not listened to any more.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

from pydantic import BaseModel, ValidationError

VERSION = 1
MAGIC = b"YU"
HEADER = struct.Struct(">2sBBII")
"""Magic, version, kind, length of the payload, CRC-32 of all before it and of the payload."""
MOST_BYTES = 4 << 20
"""Of one payload."""


class Kind(IntEnum):
    """What a frame is."""

    HELLO = 1
    """Either side's first frame."""
    BEAT = 2
    PUSH = 3
    STOP = 4
    RESUME = 5
    PARK = 6
    STATE = 16
    PICTURE = 17


class WireError(Exception):
    """What was received is no frame of this version; its text says what was found."""


@dataclass(frozen=True)
class WireFrame:
    """One frame."""

    kind: Kind
    payload: bytes = b""

    def encode(self) -> bytes:
        """The frame's bytes.

        Raises:
            ValueError: the payload is longer than MOST_BYTES.
        """
        if len(self.payload) > MOST_BYTES:
            raise ValueError(f"payload of {len(self.payload)} bytes, allowed are {MOST_BYTES}")
        return (
            HEADER.pack(MAGIC, VERSION, self.kind, len(self.payload), _checksum(self.kind, self.payload)) + self.payload
        )


class Decoder:
    """Makes frames of bytes, however they are cut."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[WireFrame]:
        """The frames that are complete with these bytes.

        Raises:
            WireError: the bytes are no frames.
        """
        self._bytes += data
        while len(self._bytes) >= HEADER.size:
            magic, version, kind, length, checksum = HEADER.unpack_from(self._bytes)
            if magic != MAGIC:
                raise WireError(f"found {bytes(self._bytes[:16])!r} where a frame should begin")
            if version != VERSION:
                raise WireError(f"found version {version} of the protocol, allowed is {VERSION}")
            if length > MOST_BYTES:
                raise WireError(f"found a frame of {length} bytes, allowed are {MOST_BYTES}")
            if len(self._bytes) < HEADER.size + length:
                return
            payload = bytes(self._bytes[HEADER.size : HEADER.size + length])
            if _checksum(kind, payload) != checksum:
                raise WireError("found a frame whose checksum is wrong")
            del self._bytes[: HEADER.size + length]
            try:
                yield WireFrame(Kind(kind), payload)
            except ValueError:
                raise WireError(f"found a frame of kind {kind}") from None


Message = TypeVar("Message", bound=BaseModel)


def pack(kind: Kind, message: BaseModel) -> bytes:
    """A frame that carries a message."""
    return WireFrame(kind, message.model_dump_json().encode()).encode()


def unpack(frame: WireFrame, model: type[Message]) -> Message:
    """The message that a frame carries.

    Raises:
        WireError: it carries another one.
    """
    try:
        return model.model_validate_json(frame.payload)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise WireError(f"found in {frame.kind.name} {place or 'the payload'}: {first['msg']}") from None


def _checksum(kind: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(bytes([VERSION, kind]) + len(payload).to_bytes(4, "big")))
