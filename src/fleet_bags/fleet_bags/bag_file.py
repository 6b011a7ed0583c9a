"""Writes one MCAP file of a bag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, cast

from mcap.writer import CompressionType, Writer

from fleet_bags.bag_metadata import NEVER_NS, Part, Topic
from fleet_bags.disk import Sink

PROFILE = "ros2"
METADATA_RECORD = "fleet"
"""Name of the metadata record that holds the custom data of the bag."""
CHUNK_BYTES = 4 << 20
"""Size at which a chunk is ended, bytes: readers hold whole chunks in memory."""


class BagFile:
    """A new file that starts with the custom data and has all topics in its first chunk.

    Raises:
        OSError: the disk is full or broken. Every method can raise it; afterwards the file can only be closed.
    """

    def __init__(self, path: Path, topics: Sequence[Topic], custom_data: Mapping[str, str]) -> None:
        self.path = path
        self._sink = Sink(path)
        self._writer = Writer(cast("IO[bytes]", self._sink), chunk_size=CHUNK_BYTES, compression=CompressionType.NONE)
        self._channels: dict[str, int] = {}
        self._begin_ns, self._end_ns = NEVER_NS, 0
        self._counts: Counter[str] = Counter()
        self._unflushed = False
        try:
            self._begin(topics, custom_data)
        except OSError:
            self.close()
            raise

    def _begin(self, topics: Sequence[Topic], custom_data: Mapping[str, str]) -> None:
        self._writer.start(PROFILE)
        self._writer.add_metadata(METADATA_RECORD, dict(custom_data))
        schemas: dict[str, int] = {}
        for topic in topics:
            if topic.type not in schemas:
                schemas[topic.type] = self._writer.register_schema(topic.type, "ros2msg", topic.definition.encode())
            self._channels[topic.name] = self._writer.register_channel(
                topic.name,
                "cdr",
                schemas[topic.type],
                {"offered_qos_profiles": topic.qos, "topic_type_hash": topic.type_hash},
            )

    @property
    def handle(self) -> int:
        """File descriptor of the open file."""
        return self._sink.handle

    @property
    def size(self) -> int:
        """Bytes passed to the operating system so far."""
        return self._sink.tell()

    @property
    def part(self) -> Part:
        """The file as a part of its bag, with the messages written so far."""
        return Part(self.path.name, self._begin_ns, self._end_ns, dict(self._counts))

    def write(self, topic: str, data: bytes, received_ns: int, published_ns: int) -> None:
        """Add a message of one of the file's topics."""
        self._writer.add_message(self._channels[topic], received_ns, data, published_ns)
        self._counts[topic] += 1
        self._begin_ns, self._end_ns = min(self._begin_ns, received_ns), max(self._end_ns, received_ns)
        self._unflushed = True

    def end_chunk(self) -> bool:
        """Pass the current chunk to the operating system; return whether there was anything to pass."""
        self._writer.flush()
        flushed, self._unflushed = self._unflushed, False
        return flushed

    def finish(self) -> None:
        """Write the index; the file stays open."""
        self._writer.finish()

    def close(self) -> None:
        """Close the file unless it is closed already."""
        self._sink.close()
