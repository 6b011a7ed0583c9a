"""Reads rosbag1 and rosbag2 bags; every problem with a bag becomes an InputError of one sentence."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.rosbag1 import ReaderError as ReaderError1
from rosbags.rosbag2 import ReaderError
from rosbags.typesys import Stores, get_typestore

from fleet_contract.validation import InputError


@contextmanager
def opened(bag: Path) -> Iterator[AnyReader]:
    """Open a rosbag1 or rosbag2 bag; for types that it does not define, ROS 2's own definitions are used.

    Raises:
        InputError: the bag cannot be read, or turns out to be damaged while it is read.
    """
    try:
        reader = AnyReader([bag], default_typestore=get_typestore(Stores.ROS2_KILTED))
        reader.open()
    except (AnyReaderError, ReaderError, ReaderError1, OSError, KeyError) as error:
        # KeyError: a message type has a field of a type that is not defined.
        raise _unreadable(bag, error) from None
    try:
        yield reader
    except (ReaderError, ReaderError1, OSError) as error:
        raise _unreadable(bag, error) from None
    finally:
        reader.close()


def messages(reader: AnyReader, bag: Path, topics: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Yield topic and message in the order of recording.

    Raises:
        InputError: a topic is missing, or a message does not fit its definition.
    """
    return ((topic, message) for topic, _, message in timed_messages(reader, bag, topics))


def timed_messages(reader: AnyReader, bag: Path, topics: Collection[str]) -> Iterator[tuple[str, int, Any]]:
    """Yield topic, receive time in ns, and message in the order of recording.

    Raises:
        InputError: a topic is missing, or a message does not fit its definition.
    """
    connections = [connection for connection in reader.connections if connection.topic in topics]
    missing = set(topics) - {connection.topic for connection in connections}
    if missing:
        raise InputError(f"{bag}: topic {min(missing)} is missing, expected a bag that holds all topics of its fleet.")
    for connection, time_ns, raw in reader.messages(connections):
        with error_context(bag, connection.topic):
            message = reader.deserialize(raw, connection.msgtype)
        yield connection.topic, time_ns, message


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


def _unreadable(bag: Path, error: Exception) -> InputError:
    return InputError(
        f"{bag}: expected a complete rosbag1 or rosbag2 bag, got one that cannot be read ({_sentence(error)}); "
        "./fleet bag repair completes a bag whose recording was interrupted."
    )


def _sentence(error: Exception) -> str:

    return str(error).rstrip(".")
