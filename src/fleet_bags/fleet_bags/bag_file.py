"""One MCAP file of a bag, while it is written."""

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
"""Name of the metadata record in which the recorder says whose run this is."""
CHUNK_BYTES = 4 << 20
"""Of messages from which a chunk is ended: a reader holds some in memory, and a writer an index of all of them."""


class BagFile:
    """A new file; all its topics are in its first chunk, and what is said about the run stands before it.

    Raises, as all its methods do:
        OSError: the disk does not take it; after that it can only be closed.
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
        """Of the open file."""
        return self._sink.handle

    @property
    def size(self) -> int:
        """Bytes that the system has been given."""
        return self._sink.tell()

    @property
    def part(self) -> Part:
        """What has been written."""
        return Part(self.path.name, self._begin_ns, self._end_ns, dict(self._counts))

    def write(self, topic: str, data: bytes, received_ns: int, published_ns: int) -> None:
        """Add a message of one of the file's topics."""
        self._writer.add_message(self._channels[topic], received_ns, data, published_ns)
        self._counts[topic] += 1
        self._begin_ns, self._end_ns = min(self._begin_ns, received_ns), max(self._end_ns, received_ns)
        self._unflushed = True

    def end_chunk(self) -> bool:
        """Give the system what was written; tell whether there was anything."""
        self._writer.flush()
        flushed, self._unflushed = self._unflushed, False
        return flushed

    def finish(self) -> None:
        """Write the index; the file stays open."""
        self._writer.finish()

    def close(self) -> None:
        """Close the file, if it is open."""
        self._sink.close()
