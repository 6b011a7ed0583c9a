"""Reading a bag with an independent reader."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from rosbags.highlevel import AnyReader


def messages(bag: Path, *suffixes: str) -> dict[str, list[Any]]:
    """Messages of the topics that end so, by topic."""
    found = defaultdict(list)
    with AnyReader([bag]) as reader:
        connections = [connection for connection in reader.connections if connection.topic.endswith(suffixes)]
        for connection, _, raw in reader.messages(connections):
            found[connection.topic].append(reader.deserialize(raw, connection.msgtype))
    return dict(found)


def counts(bag: Path) -> dict[str, int]:
    """Number of messages by topic."""
    with AnyReader([bag]) as reader:
        return {connection.topic: connection.msgcount for connection in reader.connections}
