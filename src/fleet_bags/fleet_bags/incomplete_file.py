"""Reads an MCAP file that has no summary, and makes the end that completes it."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterable
from io import BytesIO
from typing import IO

from mcap.data_stream import ReadDataStream, RecordBuilder
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import (
    Channel,
    Chunk,
    ChunkIndex,
    DataEnd,
    Footer,
    Header,
    McapRecord,
    MessageIndex,
    Metadata,
    MetadataIndex,
    Schema,
    Statistics,
    SummaryOffset,
)
from mcap.stream_reader import breakup_chunk
from mcap.summary import Summary
from mcap.writer import MCAP0_MAGIC

HEAD = struct.Struct("<BQ")
"""Head of every record: opcode and length."""
INDEX_HEAD = struct.Struct("<HI")
"""Head of a message index: channel, and bytes of entries."""
MESSAGE_HEAD = struct.Struct("<HIQ")
"""Head of a message: channel, sequence number, receive time in ns."""
ENTRY = struct.Struct("<QQ")
"""Entry of a message index: receive time of a message in ns, and its offset in the chunk."""
FOOTER = struct.Struct("<QQI")
"""Body of the footer: start of the summary, start of the summary offsets, checksum."""
KNOWN = {Opcode.HEADER, Opcode.METADATA, Opcode.CHUNK, Opcode.MESSAGE_INDEX}
"""Records that the recorder writes before the end of a file."""
READ_ERRORS = (McapError, ValueError, struct.error, IndexError)
"""Exceptions that the MCAP library raises for other content."""


class IncompleteFile:
    """Reads record after record up to the first one that is incomplete or damaged.

    All topics are in the first chunk. Chunks are verified by their checksums. The message indexes after a chunk tell how many
    messages it has; those of the last chunk may be incomplete and are rebuilt from the chunk.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.profile: str | None = None
        """Profile in the header; None in a file that was cut off before it."""
        self.metadata: dict[str, dict[str, str]] = {}
        """Metadata by name of the record."""
        self.summary = Summary()
        self.intact_bytes = 0
        """Bytes up to the end of the last intact chunk."""
        self.damaged = False
        """Whether a damaged record follows, rather than a cut-off record or zeros."""
        self._counts: list[Counter[int]] = []
        """Messages by channel in every chunk."""
        self._last_chunk = b""
        """Content of the last intact chunk."""
        size = file.seek(0, 2)
        offset = file.seek(len(MCAP0_MAGIC))
        while offset + HEAD.size <= size:
            opcode, length = HEAD.unpack(file.read(HEAD.size))
            end = offset + HEAD.size + length
            if end > size:
                break
            if opcode not in KNOWN or not self._read_record(opcode, file.read(length), offset):
                self.damaged = opcode != 0
                break
            if opcode != Opcode.MESSAGE_INDEX:
                self.intact_bytes = end
            offset = end
        self._last_indexes = self._summarize()

    def ending(self) -> bytes:
        """Return the bytes that complete the file after its intact bytes."""
        builder = RecordBuilder()
        for index in self._last_indexes:
            index.write(builder)
        DataEnd(0).write(builder)
        indexes: bytes = builder.end()
        begin, offsets = self.intact_bytes + len(indexes), []
        for opcode, records in self._groups():
            group = builder.count
            for record in records:
                record.write(builder)
            if builder.count > group:
                offsets.append(SummaryOffset(opcode, begin + group, builder.count - group))
        offsets_begin = begin + builder.count
        for offset in offsets:
            offset.write(builder)
        summary: bytes = builder.end()
        # The checksum covers the beginning of the footer as well.
        footer = HEAD.pack(Opcode.FOOTER, FOOTER.size) + FOOTER.pack(begin, offsets_begin, 0)[:-4]
        Footer(begin, offsets_begin, zlib.crc32(footer, zlib.crc32(summary))).write(builder)
        end: bytes = builder.end()
        return indexes + summary + end + MCAP0_MAGIC

    def _read_record(self, opcode: int, body: bytes, offset: int) -> bool:
        """Add a record to the summary; return whether it is intact."""
        try:
            if opcode == Opcode.HEADER:
                self.profile = Header.read(_stream(body)).profile
            elif opcode == Opcode.METADATA:
                record = Metadata.read(_stream(body))
                self.metadata[record.name] = record.metadata
                self.summary.metadata_indexes.append(MetadataIndex(offset, HEAD.size + len(body), record.name))
            elif opcode == Opcode.MESSAGE_INDEX:
                self._read_message_index(body, offset)
            else:
                return self._read_chunk(body, offset)
        except READ_ERRORS:
            return False
        return True

    def _read_message_index(self, body: bytes, offset: int) -> None:
        channel, length = INDEX_HEAD.unpack_from(body)
        chunk = self.summary.chunk_indexes[-1]
        chunk.message_index_offsets[channel] = offset
        chunk.message_index_length += HEAD.size + len(body)
        self._counts[-1][channel] = length // ENTRY.size

    def _read_chunk(self, body: bytes, offset: int) -> bool:
        chunk = Chunk.read(_stream(body))
        if zlib.crc32(chunk.data) != chunk.uncompressed_crc:
            return False
        if not self._counts:
            for record in breakup_chunk(chunk):
                if isinstance(record, Schema):
                    self.summary.schemas[record.id] = record
                elif isinstance(record, Channel):
                    self.summary.channels[record.id] = record
        self._counts.append(Counter())
        self._last_chunk = chunk.data
        index = ChunkIndex(
            chunk_length=HEAD.size + len(body),
            chunk_start_offset=offset,
            compression=chunk.compression,
            compressed_size=len(chunk.data),
            message_end_time=chunk.message_end_time,
            message_index_length=0,
            message_index_offsets={},
            message_start_time=chunk.message_start_time,
            uncompressed_size=chunk.uncompressed_size,
        )
        self.summary.chunk_indexes.append(index)
        return True

    def _summarize(self) -> list[MessageIndex]:
        """Rebuild the message indexes of the last chunk, which are returned, and the statistics."""
        summary, offset = self.summary, self.intact_bytes
        indexes = _indexes(self._last_chunk) if self._counts else []
        if indexes:
            last = summary.chunk_indexes[-1]
            last.message_index_offsets.clear()
            for index in indexes:
                last.message_index_offsets[index.channel_id] = offset
                offset += HEAD.size + INDEX_HEAD.size + ENTRY.size * len(index.records)
            last.message_index_length = offset - self.intact_bytes
            self._counts[-1] = Counter({index.channel_id: len(index.records) for index in indexes})
        counts = sum(self._counts, Counter[int]())
        summary.statistics = Statistics(
            attachment_count=0,
            channel_count=len(summary.channels),
            channel_message_counts=dict(counts),
            chunk_count=len(summary.chunk_indexes),
            message_count=counts.total(),
            message_end_time=max((chunk.message_end_time for chunk in summary.chunk_indexes), default=0),
            message_start_time=min((chunk.message_start_time for chunk in summary.chunk_indexes), default=0),
            metadata_count=len(summary.metadata_indexes),
            schema_count=len(summary.schemas),
        )
        return indexes

    def _groups(self) -> Iterable[tuple[Opcode, Iterable[McapRecord]]]:
        summary = self.summary
        yield Opcode.SCHEMA, summary.schemas.values()
        yield Opcode.CHANNEL, summary.channels.values()
        yield Opcode.STATISTICS, [summary.statistics] if summary.statistics else []
        yield Opcode.CHUNK_INDEX, summary.chunk_indexes
        yield Opcode.METADATA_INDEX, summary.metadata_indexes


def _indexes(chunk: bytes) -> list[MessageIndex]:
    """Return the message indexes of a chunk, one per channel."""
    entries: dict[int, list[tuple[int, int]]] = {}
    offset = 0
    while offset < len(chunk):
        opcode, length = HEAD.unpack_from(chunk, offset)
        if opcode == Opcode.MESSAGE:
            channel, _, received_ns = MESSAGE_HEAD.unpack_from(chunk, offset + HEAD.size)
            entries.setdefault(channel, []).append((received_ns, offset))
        offset += HEAD.size + length
    return [MessageIndex(channel, records) for channel, records in entries.items()]


def _stream(body: bytes) -> ReadDataStream:
    return ReadDataStream(BytesIO(body))
