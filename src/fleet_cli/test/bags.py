"""Reading a bag with an independent reader."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from rosbags.highlevel import AnyReader

from fleet_bags.build import build
from fleet_bags.samples import read_samples
from fleet_contract.action import ActionKind
from fleet_contract.robot import Stream
from fleet_learning.dataset import Dataset

IMAGE_TOPICS = ("camera/image_raw", "camera/camera_info")
"""Topics of a robot with a message for every tick."""
ROBOT_STREAMS = ("observation", "policy_action", "action")
"""Streams of a robot, inside of the messages for all robots, with a row for every tick."""


def messages(bag: Path, *suffixes: str) -> dict[str, list[Any]]:
    """Messages of the topics that end so, by topic.

    Messages for all robots are separated into one stream per robot, named as the topics in the robots' namespaces:
    /robot_01/observation, status, policy_action, teleop_action and action.
    """
    found = defaultdict(list)
    with AnyReader([bag]) as reader:
        streams = {suffix.rpartition("/")[2] for suffix in suffixes}
        separate = {topic: rows for topic, (names, rows) in SEPARATE.items() if names & streams}
        connections = [c for c in reader.connections if c.topic.endswith(suffixes) or c.topic in separate]
        for connection, _, raw in reader.messages(connections):
            message = reader.deserialize(raw, connection.msgtype)
            rows = separate[connection.topic](message) if connection.topic in separate else ()
            for topic, row in ((connection.topic, message), *rows):
                if topic.endswith(suffixes):
                    found[topic].append(row)
    return dict(found)


def _header(message: Any, robot: str) -> SimpleNamespace:
    return SimpleNamespace(stamp=message.header.stamp, frame_id=f"{robot}/base_link")


def _observations_and_statuses(message: Any) -> Iterator[tuple[str, SimpleNamespace]]:
    """Yield the rows of a RobotStates; a robot that is unreachable or rests has no observation."""
    for robot, name in enumerate(message.robots):
        shared = {"header": _header(message, name), "tick": message.tick, "episode": int(message.episodes[robot])}
        if not message.unreachable[robot] and not message.resting:
            values = message.values.reshape(len(message.robots), -1)[robot]
            yield f"/{name}/observation", SimpleNamespace(**shared, values=values)
        status = SimpleNamespace(
            **shared,
            violated=bool(message.violated[robot]),
            succeeded=bool(message.succeeded[robot]),
            reward=float(message.rewards[robot]),
            successes=int(message.successes[robot]),
            hard_resets=int(message.hard_resets[robot]),
            unreachable=message.unreachable[robot],
            resting=message.resting,
        )
        yield f"/{name}/status", status


def _actions(stream: str) -> Callable[[Any], Iterator[tuple[str, SimpleNamespace]]]:
    """Return what yields the rows of a RobotActions; a robot that does not move has no values."""

    def separate(message: Any) -> Iterator[tuple[str, SimpleNamespace]]:
        for robot, name in enumerate(message.robots):
            values = message.values.reshape(len(message.robots), -1)[robot]
            action = SimpleNamespace(
                header=_header(message, name),
                tick=message.tick,
                kind=int(message.kinds[robot]),
                source=int(message.sources[robot]),
                policy_version=int(message.policy_versions[robot]),
                supervisor=message.supervisors[robot],
                lease=int(message.leases[robot]),
                values=values if message.kinds[robot] == ActionKind.MOVE else values[:0],
                reason=message.reasons[robot],
            )
            yield f"/{name}/{stream}", action

    return separate


SEPARATE: dict[str, tuple[frozenset[str], Callable[[Any], Iterator[tuple[str, SimpleNamespace]]]]] = {
    "/fleet/states": (frozenset({"observation", "status"}), _observations_and_statuses),
    "/fleet/policy_actions": (frozenset({"policy_action"}), _actions("policy_action")),
    "/fleet/teleop_actions": (frozenset({"teleop_action"}), _actions("teleop_action")),
    "/fleet/actions": (frozenset({"action"}), _actions("action")),
}
"""By topic of the whole fleet: the names of the robots' streams in it, and what separates them."""


def require_all_ticks(bag: Path, robots: int, ticks: int) -> None:
    """Check that nothing is missing from a bag: every tick of every stream of every robot, in order, and nothing twice."""
    names = [f"robot_{robot + 1:02d}" for robot in range(robots)]
    found = counts(bag)
    images = {f"/{name}/{topic}": ticks for name in names for topic in IMAGE_TOPICS}
    assert {topic: found[topic] for topic in images} == images
    streams = messages(bag, *(f"/{stream}" for stream in ROBOT_STREAMS), "/leases", "/signals/uncertainty")
    once = {"/fleet/leases", "/fleet/signals/uncertainty"}
    assert streams.keys() == {f"/{name}/{stream}" for name in names for stream in ROBOT_STREAMS} | once
    for topic, stream in streams.items():
        assert [message.tick for message in stream] == list(range(ticks)), topic
    assert all(message.robots == names for message in streams["/fleet/signals/uncertainty"])
    statuses = messages(bag, "/status")
    assert statuses.keys() == {f"/{name}/status" for name in names}
    for topic, stream in statuses.items():
        assert [status.tick for status in stream] == list(range(ticks + 1)), topic
        assert [status.resting for status in stream] == [False] * ticks + [True], topic


def counts(bag: Path) -> Counter[str]:
    """Number of messages by topic, of the streams of every robot as well."""
    with AnyReader([bag]) as reader:
        found = Counter({connection.topic: connection.msgcount for connection in reader.connections})
    separate = {name for names, _ in SEPARATE.values() for name in names}
    streams = messages(bag, *(f"/{name}" for name in separate))
    return found + Counter({topic: len(stream) for topic, stream in streams.items()})


def topics(bag: Path) -> set[str]:
    """Topics that were recorded."""
    with AnyReader([bag]) as reader:
        return {connection.topic for connection in reader.connections}


def human_pairs(run: Path, folder: Path, stream: Stream) -> Dataset:
    """Return what humans showed in a run, by tick and robot, from a dataset that is built in a new folder."""
    build([run], folder)
    samples = read_samples(folder)
    shown_B = samples.columns["shown"]
    order = np.lexsort((samples.columns["robots"][shown_B], samples.columns["ticks"][shown_B]))
    return samples.pairs(shown_B, stream)[order]
