"""Reading a bag with an independent reader."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.highlevel import AnyReader

from fleet_bags.build import build
from fleet_bags.samples import read_samples
from fleet_contract.robot import Stream
from fleet_learning.dataset import Dataset

TOPICS = ("observation", "camera/image_raw", "camera/camera_info", "policy_action", "action")
"""Topics with a message for every tick of a robot."""


def messages(bag: Path, *suffixes: str) -> dict[str, list[Any]]:
    """Messages of the topics that end so, by topic."""
    found = defaultdict(list)
    with AnyReader([bag]) as reader:
        connections = [connection for connection in reader.connections if connection.topic.endswith(suffixes)]
        for connection, _, raw in reader.messages(connections):
            found[connection.topic].append(reader.deserialize(raw, connection.msgtype))
    return dict(found)


def require_all_ticks(bag: Path, robots: int, ticks: int) -> None:
    """Check that nothing is missing from a bag: every tick of every topic of every robot, in order."""
    found = counts(bag)
    expected = {f"/robot_{i + 1:02d}/{topic}": ticks for i in range(robots) for topic in TOPICS}
    expected |= {"/fleet/leases": ticks, "/fleet/policy_report": ticks}
    assert {topic: found[topic] for topic in expected} == expected
    for topic, stream in messages(bag, "/observation", "/action", "/leases", "/policy_report").items():
        assert [message.tick for message in stream] == list(range(ticks)), topic


def counts(bag: Path) -> dict[str, int]:
    """Number of messages by topic."""
    with AnyReader([bag]) as reader:
        return {connection.topic: connection.msgcount for connection in reader.connections}


def human_pairs(run: Path, folder: Path, stream: Stream) -> Dataset:
    """Return what humans showed in a run, by tick and robot, from a dataset that is built in a new folder."""
    build([run], folder)
    samples = read_samples(folder)
    shown_B = samples.columns["shown"]
    order = np.lexsort((samples.columns["robots"][shown_B], samples.columns["ticks"][shown_B]))
    return samples.pairs(shown_B, stream)[order]
