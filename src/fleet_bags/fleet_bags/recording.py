"""A recorded run, by tick and robot: what its bag says, read by the code that reads it live.

N robots, S state dim, H image rows, W image columns, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fleet_bags.bag import bag_folder
from fleet_bags.bag_reader import messages, named, opened
from fleet_bags.run_metadata import RunMetadata, read_run_metadata
from fleet_bags.tick_index import TickIndex
from fleet_contract.action import RobotAction, action_of
from fleet_contract.lease import Lease, lease_of
from fleet_contract.observation import image_of, state_of
from fleet_contract.robot import PROPOSED_ACTION_TOPICS, RobotContract
from fleet_contract.stamps import StampJoin
from fleet_contract.validation import InputError

POLICY, HUMAN = PROPOSED_ACTION_TOPICS
Row = TypeVar("Row")
Stamp = tuple[int, int]
"""Seconds and nanoseconds."""


@dataclass(frozen=True)
class Observed:
    """What a robot observed at a tick, but for its image."""

    stamp: Stamp
    episode: int
    state_S: NDArray[np.float64]


@dataclass(frozen=True)
class Status:
    """What became of a robot up to a tick: by the action of the tick before."""

    stamp: Stamp
    episode: int
    reward: float
    succeeded: bool
    violated: bool
    unreachable: str
    """Why the robot cannot be reached; empty if it is there."""
    successes: int
    hard_resets: int


@dataclass(frozen=True)
class Report:
    """The policy's view of its robots at a tick."""

    version: int
    uncertainties: Mapping[str, float]
    """By robot, in the policy's unit."""


@dataclass(frozen=True)
class Leases:
    """Who may drive which robot at a tick."""

    leases: tuple[Lease, ...]
    waiting: tuple[str, ...]
    threshold: float


@dataclass(frozen=True)
class RecordedPolicyVersion:
    """A version of the policy that the trainer made while the fleet ran."""

    version: int
    due_tick: int
    path: Path
    """Of the checkpoint: where it was written, or beside the bag, if that is no more."""
    digest: str


@dataclass(frozen=True)
class Recording:
    """A run but for its images, which `images` reads: of every stream what was said, by tick."""

    bag: Path
    metadata: RunMetadata
    ticks: int
    """T: the robots have made so many steps; what the last one led to is in the statuses alone."""
    observed_N: tuple[Mapping[int, Observed], ...]
    statuses_N: tuple[Mapping[int, Status], ...]
    released_N: tuple[Mapping[int, RobotAction], ...]
    """What the gate let through: what the robots did."""
    proposed_N: tuple[Mapping[int, RobotAction], ...]
    """What the policy would have done."""
    human_actions_N: tuple[Mapping[int, RobotAction], ...]
    """What humans wanted."""
    reports: Mapping[int, Report]
    leases: Mapping[int, Leases]
    policy_versions: tuple[RecordedPolicyVersion, ...]

    def images(self) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
        """Tick, robot and image (H, W, C), in the order in which they were recorded, each once.

        Raises:
            BadInput: the robots have no camera, or an image is none of its.
        """
        contract, robots = self.metadata.contract, self.metadata.robots
        owners = {f"/{name}/{contract.require_camera().topic}": robot for robot, name in enumerate(robots)}
        joins = [StampJoin[NDArray[np.uint8]](most_waiting=None) for _ in robots]
        for join, observed in zip(joins, self.observed_N, strict=True):
            for tick, row in observed.items():
                join.add_tick(row.stamp, tick)
        with opened(self.bag) as reader:
            for topic, message in messages(reader, self.bag, owners):
                with named(self.bag, topic):
                    image = image_of(message, contract)
                joined = joins[owners[topic]].add_sample(_stamp(message), image)
                if joined:
                    yield joined[0], owners[topic], joined[1]

    def seen(self) -> set[tuple[int, int]]:
        """Robots and ticks of all images.

        Raises:
            BadInput: see `images`.
        """
        return {(robot, tick) for tick, robot, _ in self.images()}

    def camera_matrix(self) -> NDArray[np.float64]:
        """Intrinsics of the cameras, (3, 3), pixels.

        Raises:
            BadInput: the robots have no camera, or no calibration of it was recorded.
        """
        topic = f"/{self.metadata.robots[0]}/{self.metadata.contract.require_camera().info_topic}"
        with opened(self.bag) as reader:
            for _, message in messages(reader, self.bag, {topic}):
                return np.asarray(message.k, dtype=np.float64).reshape(3, 3)
        raise InputError(f"{self.bag}: {topic}: found no message, allowed is one at least.")


def read_recording(path: Path) -> Recording:
    """The run at `path`: a bag's folder, or that of a run.

    Raises:
        BadInput: it is none, holds nothing, or does not fit together.
    """
    bag = bag_folder(path)
    metadata = read_run_metadata(bag)
    contract = metadata.contract
    heard: dict[str, Callable[[Any], None]] = {}

    def listen(
        topic: str,
        row: Callable[[Any], Row],
        *,
        last_word: bool = False,
        contradict: Callable[[Row, Row], bool] = lambda *_: False,
    ) -> Mapping[int, Row]:
        rows = TickIndex(last_word=last_word, contradict=contradict)
        heard[f"/{topic}"] = lambda message: rows.add(message.tick, row(message))
        return rows.rows

    def actions(topic: str, *, last_word: bool = False) -> tuple[Mapping[int, RobotAction], ...]:
        return tuple(listen(f"{name}/{topic}", action_of, last_word=last_word) for name in metadata.robots)

    def of_robots(topic: str, row: Callable[[Any], Row], **how: Any) -> tuple[Mapping[int, Row], ...]:
        return tuple(listen(f"{name}/{topic}", row, **how) for name in metadata.robots)

    policy_versions: dict[int, RecordedPolicyVersion] = {}
    heard["/fleet/policy_version"] = lambda message: policy_versions.update(
        {message.version: _policy_version(message, bag)}
    )
    observed_N = of_robots(
        contract.observation.state.topic,
        partial(_observed, contract=contract),
        contradict=lambda known, new: known.stamp != new.stamp,
    )
    statuses_N = of_robots(contract.success.topic, _status, last_word=True)
    released_N = of_robots(contract.action.topic, action_of)
    proposed_N = of_robots(POLICY, action_of, last_word=True)
    human_actions_N = of_robots(HUMAN, action_of, last_word=True)
    reports = listen("fleet/policy_report", _report, last_word=True)
    leases = listen("fleet/leases", _leases)
    with opened(bag) as reader:
        if not reader.message_count:
            raise InputError(f"{bag}: found no message, allowed is the bag of a run.")
        for topic, message in messages(reader, bag, heard):
            with named(bag, topic):
                heard[topic](message)
    newest = max((tick for statuses in statuses_N for tick in statuses), default=0)
    return Recording(
        bag=bag,
        metadata=metadata,
        ticks=newest,
        observed_N=observed_N,
        statuses_N=statuses_N,
        released_N=released_N,
        proposed_N=proposed_N,
        human_actions_N=human_actions_N,
        reports=reports,
        leases=leases,
        policy_versions=tuple(policy_versions[version] for version in sorted(policy_versions)),
    )


def _stamp(message: Any) -> Stamp:
    stamp = message.header.stamp
    return stamp.sec, stamp.nanosec


def _observed(message: Any, contract: RobotContract) -> Observed:
    return Observed(_stamp(message), message.episode, state_of(message, contract))


def _status(message: Any) -> Status:
    return Status(
        stamp=_stamp(message),
        episode=message.episode,
        reward=message.reward,
        succeeded=message.succeeded,
        violated=message.violated,
        # Bags of version 0.1.0 call it `absent`.
        unreachable=message.unreachable if hasattr(message, "unreachable") else message.absent,
        successes=message.successes,
        hard_resets=message.hard_resets,
    )


def _report(message: Any) -> Report:
    uncertainties = dict(zip(message.robots, message.uncertainties.tolist(), strict=True))
    return Report(message.policy_version, uncertainties)


def _leases(message: Any) -> Leases:
    return Leases(tuple(map(lease_of, message.leases)), tuple(message.waiting), message.threshold)


def _policy_version(message: Any, bag: Path) -> RecordedPolicyVersion:
    written = Path(message.path)
    path = written if written.exists() else bag.parent / written.parent.name / written.name
    return RecordedPolicyVersion(message.version, message.due_tick, path, message.digest)
