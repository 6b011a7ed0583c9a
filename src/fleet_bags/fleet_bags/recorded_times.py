"""Reads when the messages of a bag's files were received, in the order in which they were recorded."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from mcap.records import Chunk, MessageIndex
from mcap.stream_reader import StreamReader

from fleet_bags.storage_format import MCAP, SQLITE, storage_format


def recorded_times(files: Iterable[Path]) -> Iterator[tuple[Path, int]]:
    """Yield file and receive time, ns, of every message; nothing of files that are neither MCAP nor SQLite."""
    for file in files:
        for time_ns in READERS.get(storage_format(file), _nothing)(file):
            yield file, time_ns


def _mcap_times(file: Path) -> Iterator[int]:
    """Yield the receive times in an MCAP file in the order of recording, without decompressing its chunks."""
    entries: list[tuple[int, int]] = []
    with file.open("rb") as stream:
        for record in StreamReader(stream, emit_chunks=True).records:
            if isinstance(record, Chunk):
                yield from _in_order(entries)
                entries = []
            elif isinstance(record, MessageIndex):
                entries += [(offset, time_ns) for time_ns, offset in record.records]
    yield from _in_order(entries)


def _in_order(entries: list[tuple[int, int]]) -> list[int]:
    return [time_ns for _, time_ns in sorted(entries)]


def _sqlite_times(file: Path) -> Iterator[int]:
    """Yield the receive times in a SQLite file in the order of recording."""
    uri = f"file:{quote(str(file.absolute()))}?immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        for (time_ns,) in connection.execute("SELECT timestamp FROM messages ORDER BY id"):
            yield int(time_ns)


def _nothing(_: Path) -> Iterator[int]:
    yield from ()


READERS: Mapping[str, Callable[[Path], Iterator[int]]] = {MCAP: _mcap_times, SQLITE: _sqlite_times}
