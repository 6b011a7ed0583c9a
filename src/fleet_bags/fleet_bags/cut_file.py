"""An MCAP file without an end: what in it is whole, and the end that it would have."""

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
"""Of every record: opcode and length."""
INDEX_HEAD = struct.Struct("<HI")
"""Of a message index: channel, and bytes of entries."""
MESSAGE_HEAD = struct.Struct("<HIQ")
"""Of a message: channel, sequence number, and when it was received."""
ENTRY = struct.Struct("<QQ")
"""Of a message index: when a message was received, and its place in the chunk."""
FOOTER = struct.Struct("<QQI")
"""Where the summary begins, where its offsets begin, checksum."""
KNOWN = {Opcode.HEADER, Opcode.METADATA, Opcode.CHUNK, Opcode.MESSAGE_INDEX}
"""Records that a recorder writes before a file's summary."""
BROKEN = (McapError, ValueError, struct.error, IndexError)
"""What reading MCAP raises where there is something else."""


class CutFile:
    """Reads record after record, up to the first that is not whole.

    All topics are in the first chunk. Chunks are checked by their checksum; the indexes behind them say how many messages
    are in them, but those of the last chunk may be cut, and are made anew from the chunk itself.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.profile: str | None = None
        """None in a file that was cut before it."""
        self.metadata: dict[str, dict[str, str]] = {}
        """By name of the record."""
        self.summary = Summary()
        self.whole = 0
        """Bytes up to the end of the last chunk that is whole."""
        self.damaged = False
        """Whether there is something behind it that is neither cut nor nothing."""
        self._counts: list[Counter[int]] = []
        """Messages by channel, of every chunk."""
        self._last = b""
        """What is in the last whole chunk."""
        size = file.seek(0, 2)
        place = file.seek(len(MCAP0_MAGIC))
        while place + HEAD.size <= size:
            opcode, length = HEAD.unpack(file.read(HEAD.size))
            after = place + HEAD.size + length
            if after > size:
                break
            if opcode not in KNOWN or not self._take(opcode, file.read(length), place):
                self.damaged = opcode != 0
                break
            if opcode != Opcode.MESSAGE_INDEX:
                self.whole = after
            place = after
        self._indexes = self._sum_up()

    def ending(self) -> bytes:
        """What comes behind the whole bytes of a file that is finished."""
        builder = RecordBuilder()
        for index in self._indexes:
            index.write(builder)
        DataEnd(0).write(builder)
        indexes: bytes = builder.end()
        begin, offsets = self.whole + len(indexes), []
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
        # The checksum is of the footer's beginning as well.
        footer = HEAD.pack(Opcode.FOOTER, FOOTER.size) + FOOTER.pack(begin, offsets_begin, 0)[:-4]
        Footer(begin, offsets_begin, zlib.crc32(footer, zlib.crc32(summary))).write(builder)
        end: bytes = builder.end()
        return indexes + summary + end + MCAP0_MAGIC

    def _take(self, opcode: int, body: bytes, place: int) -> bool:
        """Take a record into account; tell whether it is as it was written."""
        try:
            if opcode == Opcode.HEADER:
                self.profile = Header.read(_stream(body)).profile
            elif opcode == Opcode.METADATA:
                record = Metadata.read(_stream(body))
                self.metadata[record.name] = record.metadata
                self.summary.metadata_indexes.append(MetadataIndex(place, HEAD.size + len(body), record.name))
            elif opcode == Opcode.MESSAGE_INDEX:
                self._take_index(body, place)
            else:
                return self._take_chunk(body, place)
        except BROKEN:
            return False
        return True

    def _take_index(self, body: bytes, place: int) -> None:
        channel, length = INDEX_HEAD.unpack_from(body)
        chunk = self.summary.chunk_indexes[-1]
        chunk.message_index_offsets[channel] = place
        chunk.message_index_length += HEAD.size + len(body)
        self._counts[-1][channel] = length // ENTRY.size

    def _take_chunk(self, body: bytes, place: int) -> bool:
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
        self._last = chunk.data
        index = ChunkIndex(
            chunk_length=HEAD.size + len(body),
            chunk_start_offset=place,
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

    def _sum_up(self) -> list[MessageIndex]:
        """Make the indexes of the last chunk, and the statistics."""
        summary, place = self.summary, self.whole
        indexes = _indexes(self._last) if self._counts else []
        if indexes:
            last = summary.chunk_indexes[-1]
            last.message_index_offsets.clear()
            for index in indexes:
                last.message_index_offsets[index.channel_id] = place
                place += HEAD.size + INDEX_HEAD.size + ENTRY.size * len(index.records)
            last.message_index_length = place - self.whole
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
    """Where in a chunk the messages of every channel are."""
    entries: dict[int, list[tuple[int, int]]] = {}
    place = 0
    while place < len(chunk):
        opcode, length = HEAD.unpack_from(chunk, place)
        if opcode == Opcode.MESSAGE:
            channel, _, received_ns = MESSAGE_HEAD.unpack_from(chunk, place + HEAD.size)
            entries.setdefault(channel, []).append((received_ns, place))
        place += HEAD.size + length
    return [MessageIndex(channel, records) for channel, records in entries.items()]


def _stream(body: bytes) -> ReadDataStream:
    return ReadDataStream(BytesIO(body))
