"""Reads rosbag1 and rosbag2 bags; every problem with a bag becomes an InputError of one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.typesys import Stores, get_typestore

from fleet_bags.bag_metadata import FILE, ROOT_KEY, read_metadata
from fleet_bags.recorded_times import recorded_times
from fleet_bags.storage_format import MCAP, SQLITE, storage_format
from fleet_contract.validation import InputError

BACK_NS = 1_000_000_000
"""Largest step back between two messages in the order of recording, ns: recorders write messages of several topics slightly out of order."""


@contextmanager
def opened(bag: Path) -> Iterator[AnyReader]:
    """Open a rosbag1 or rosbag2 bag; for types that it does not define, ROS 2's own definitions are used.

    The files in a folder without metadata are read as they are.

    Raises:
        InputError: the bag cannot be read, or has messages beside its database.
    """
    for file in _storage_files(bag):
        _require_no_log(bag, file)
    with ExitStack() as stack:
        with _readable(bag):
            links = Path(stack.enter_context(TemporaryDirectory(prefix="fleet-bag-")))
            paths = [_linked(path, links / str(number)) for number, path in enumerate(_paths(bag))]
            reader = AnyReader(paths, default_typestore=get_typestore(Stores.ROS2_KILTED))
            reader.open()
        stack.callback(reader.close)
        yield reader


def require_one_clock(bag: Path) -> None:
    """Refuse a bag whose clock was set back while it was recorded: sorted by time, what came before and after would be mixed.

    Raises:
        InputError: a message was received more than a second earlier than one that was recorded before it.
    """
    newest_ns = 0
    with _readable(bag):
        for file, time_ns in recorded_times(_storage_files(bag)):
            if time_ns < newest_ns - BACK_NS:
                raise InputError(
                    f"{bag}: expected messages in the order of their times, got one that was received "
                    f"{(newest_ns - time_ns) / 1e9:.1f} s before an earlier one in {file.name}: the clock was set back during the "
                    "recording. Cut the bag there."
                )
            newest_ns = max(newest_ns, time_ns)


def messages(reader: AnyReader, bag: Path, topics: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Yield topic and message in the order of recording.

    Raises:
        InputError: a topic is missing, the bag is damaged, or a message does not fit its definition.
    """
    return ((topic, message) for topic, _, message in timed_messages(reader, bag, topics))


def timed_messages(reader: AnyReader, bag: Path, topics: Collection[str]) -> Iterator[tuple[str, int, Any]]:
    """Yield topic, receive time in ns, and message in the order of recording.

    Raises:
        InputError: a topic is missing, the bag is damaged or has fewer messages than its metadata says, or a message does not fit its
            definition.
    """
    connections = [connection for connection in reader.connections if connection.topic in topics]
    missing = set(topics) - {connection.topic for connection in connections}
    if missing:
        raise InputError(f"{bag}: topic {min(missing)} is missing, expected a bag that holds all topics of its fleet.")
    recorded, counts = iter(reader.messages(connections)), Counter[str]()
    while True:
        with _readable(bag):
            entry = next(recorded, None)
        if entry is None:
            break
        connection, time_ns, raw = entry
        counts[connection.topic] += 1
        with error_context(bag, connection.topic):
            message = reader.deserialize(raw, connection.msgtype)
        yield connection.topic, time_ns, message
    for topic in topics:
        expected = sum(connection.msgcount for connection in connections if connection.topic == topic)
        if counts[topic] < expected:
            raise InputError(
                f"{bag}: {topic}: expected {expected} messages, as its metadata says, got {counts[topic]}."
            )


@contextmanager
def error_context(bag: Path, topic: str) -> Iterator[None]:
    """Turn an error about a message into an InputError that names bag and topic.

    Raises:
        InputError: a ValueError, AttributeError or AnyReaderError was raised inside.
    """
    try:
        yield
    except (ValueError, AttributeError, AnyReaderError) as error:
        raise InputError(f"{bag}: {topic}: {_sentence(error)}.") from None


@contextmanager
def _readable(bag: Path) -> Iterator[None]:
    """Turn every error of the libraries that parse the bag into an InputError: damaged files raise errors of many kinds."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{bag}: expected a complete rosbag1 or rosbag2 bag, got one that cannot be read ({_sentence(error)}).{_advice(bag)}"
        ) from error


def _paths(bag: Path) -> list[Path]:
    """Return what a reader has to open: the bag, or the files of a folder without metadata."""
    if not bag.is_dir() or _has_metadata(bag):
        return [bag]
    return _storage_files(bag) or [bag]


def _linked(path: Path, link: Path) -> Path:
    """Return a link to a bag, whose name says its format: libraries go by suffixes, and stumble over characters such as ? and #."""
    if path.is_file():
        link = link.with_suffix(storage_format(path))
    link.symlink_to(path.absolute())
    return link


def _has_metadata(folder: Path) -> bool:
    content = read_metadata(folder)
    return isinstance(content, dict) and ROOT_KEY in content


def _storage_files(path: Path) -> list[Path]:
    """Return the files of a bag in the order of their names, as recorders number them."""
    if not path.is_dir():
        return [path]
    found = [file for file in path.iterdir() if file.is_file() and storage_format(file) in (MCAP, SQLITE)]
    return sorted(found, key=lambda file: (len(file.name), file.name))


def _require_no_log(bag: Path, file: Path) -> None:
    """Refuse a database beside which messages wait to be written into it."""
    log = file.with_name(f"{file.name}-wal")
    if log.exists() and log.stat().st_size:
        raise InputError(
            f"{bag}: expected all messages in {file.name}, got more of them in {log.name}, as a recorder leaves them that was "
            f"killed; `sqlite3 {file} 'PRAGMA wal_checkpoint(TRUNCATE)'` moves them."
        )


def _advice(bag: Path) -> str:
    """Return which command may complete the bag; nothing if none does."""
    if bag.is_dir() and (bag / FILE).exists() and any(bag.glob("*.mcap")):
        return " A recording that was interrupted is completed by ./fleet bag repair if a fleet recorded it, else by ros2 bag reindex."
    return ""


def _sentence(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__
