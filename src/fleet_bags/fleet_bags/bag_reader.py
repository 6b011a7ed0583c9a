"""Reading bags of all kinds; what is wrong with them is bad input, one sentence each."""

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
    """A reader of a rosbag1 or rosbag2; what a bag does not define are ROS 2's own messages.

    Raises:
        BadInput: the bag cannot be read, or is found to be broken while it is.
    """
    try:
        reader = AnyReader([bag], default_typestore=get_typestore(Stores.ROS2_KILTED))
        reader.open()
    except (
        AnyReaderError,
        ReaderError,
        ReaderError1,
        OSError,
        KeyError,
    ) as error:  # KeyError: a message made of unknown ones
        raise _no_bag(bag, error) from None
    try:
        yield reader
    except (ReaderError, ReaderError1, OSError) as error:
        raise _no_bag(bag, error) from None
    finally:
        reader.close()


def messages(reader: AnyReader, bag: Path, topics: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Topic and message, in the order in which they were recorded; see `timed_messages`."""
    return ((topic, message) for topic, _, message in timed_messages(reader, bag, topics))


def timed_messages(reader: AnyReader, bag: Path, topics: Collection[str]) -> Iterator[tuple[str, int, Any]]:
    """Topic, time of recording in ns, and message, in the order in which they were recorded.

    Raises:
        BadInput: a topic is missing, or a message is not what its definition says.
    """
    connections = [connection for connection in reader.connections if connection.topic in topics]
    missing = set(topics) - {connection.topic for connection in connections}
    if missing:
        raise InputError(
            f"{bag}: topic {min(missing)} is missing, allowed is a bag that holds all topics of its fleet."
        )
    for connection, time_ns, raw in reader.messages(connections):
        with named(bag, connection.topic):
            message = reader.deserialize(raw, connection.msgtype)
        yield connection.topic, time_ns, message


@contextmanager
def named(bag: Path, topic: str) -> Iterator[None]:
    """What is wrong with a message becomes bad input that names bag and topic.

    Raises:
        BadInput: instead of what was raised.
    """
    try:
        yield
    except (ValueError, AttributeError, AnyReaderError) as error:
        raise InputError(f"{bag}: {topic}: {_words(error)}.") from None


def _no_bag(bag: Path, error: Exception) -> InputError:
    return InputError(
        f"{bag}: found no whole bag ({_words(error)}), allowed is a rosbag1 or rosbag2; one that was cut is finished by ./fleet bag repair."
    )


def _words(error: Exception) -> str:
    return str(error).rstrip(".")
