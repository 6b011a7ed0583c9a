"""Reads a recorded run by tick and robot, with the code that reads the same messages live.

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
from fleet_bags.bag_reader import error_context, messages, opened
from fleet_bags.run_metadata import RunMetadata, read_run_metadata
from fleet_bags.tick_index import TickIndex
from fleet_contract.action import RobotAction, action_of
from fleet_contract.fleet import Fleet
from fleet_contract.lease import Lease, lease_of
from fleet_contract.observation import image_of, state_of
from fleet_contract.robot import RobotContract
from fleet_contract.stamps import StampJoin
from fleet_contract.topics import (
    LEASES_TOPIC,
    POLICY_ACTION_TOPIC,
    POLICY_REPORT_TOPIC,
    POLICY_VERSION_TOPIC,
    TELEOP_ACTION_TOPIC,
)
from fleet_contract.validation import InputError

Row = TypeVar("Row")
Stamp = tuple[int, int]
"""Seconds and nanoseconds."""


@dataclass(frozen=True)
class Observed:
    """A robot's observation at a tick, without its image."""

    stamp: Stamp
    episode: int
    state_S: NDArray[np.float64]


@dataclass(frozen=True)
class Status:
    """A robot's status at a tick, which its action at the previous tick led to."""

    stamp: Stamp
    episode: int
    reward: float
    succeeded: bool
    violated: bool
    unreachable: str
    """Why the robot is unreachable; empty if it is reachable."""
    successes: int
    hard_resets: int


@dataclass(frozen=True)
class Report:
    """The policy's uncertainty about its robots at a tick."""

    version: int
    uncertainties: Mapping[str, float]
    """Uncertainties by robot, in the policy's unit."""


@dataclass(frozen=True)
class Leases:
    """The lease table at a tick: who may drive which robot."""

    leases: tuple[Lease, ...]
    waiting: tuple[str, ...]
    threshold: float


@dataclass(frozen=True)
class RecordedPolicyVersion:
    """A policy version that the trainer published during the run."""

    version: int
    due_tick: int
    path: Path
    """Path of the checkpoint: where it was written or, if that file no longer exists, beside the bag."""
    digest: str


@dataclass(frozen=True)
class Recording:
    """A run: the rows of every stream by tick. Images are not held; `images` reads them from the bag."""

    bag: Path
    metadata: RunMetadata
    ticks: int
    """T: number of steps that the robots took; only the statuses tell what the last one led to."""
    observed_N: tuple[Mapping[int, Observed], ...]
    statuses_N: tuple[Mapping[int, Status], ...]
    released_N: tuple[Mapping[int, RobotAction], ...]
    """Actions that the gate released, which the robots executed."""
    proposed_N: tuple[Mapping[int, RobotAction], ...]
    """Actions that the policy proposed."""
    human_actions_N: tuple[Mapping[int, RobotAction], ...]
    """Actions that supervisors sent."""
    reports: Mapping[int, Report]
    leases: Mapping[int, Leases]
    policy_versions: tuple[RecordedPolicyVersion, ...]

    def images(self) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
        """Yield tick, robot and image (H, W, C) of every recorded image once, in the order of recording.

        Raises:
            InputError: the robots have no camera, or an image does not fit it.
        """
        contract, robots = self.metadata.contract, self.metadata.robots
        owners = {f"/{name}/{contract.require_camera().topic}": robot for robot, name in enumerate(robots)}
        joins = [StampJoin[NDArray[np.uint8]](most_waiting=None) for _ in robots]
        for join, observed in zip(joins, self.observed_N, strict=True):
            for tick, row in observed.items():
                join.add_tick(row.stamp, tick)
        with opened(self.bag) as reader:
            for topic, message in messages(reader, self.bag, owners):
                with error_context(self.bag, topic):
                    image = image_of(message, contract)
                joined = joins[owners[topic]].add_sample(_stamp(message), image)
                if joined:
                    yield joined[0], owners[topic], joined[1]

    def image_ticks(self) -> set[tuple[int, int]]:
        """Return robot and tick of every recorded image.

        Raises:
            InputError: the robots have no camera, or an image does not fit it.
        """
        return {(robot, tick) for tick, robot, _ in self.images()}

    def camera_matrix(self) -> NDArray[np.float64]:
        """Return the intrinsics of the cameras, (3, 3), pixels.

        Raises:
            InputError: the robots have no camera, or its calibration was not recorded.
        """
        topic = f"/{self.metadata.robots[0]}/{self.metadata.contract.require_camera().info_topic}"
        with opened(self.bag) as reader:
            for _, message in messages(reader, self.bag, {topic}):
                return np.asarray(message.k, dtype=np.float64).reshape(3, 3)
        raise InputError(f"{self.bag}: {topic}: expected at least one message, got none.")


def read_recording(path: Path) -> Recording:
    """Read a recorded run.

    Args:
        path: the folder of the bag, or of the run that it belongs to.

    Raises:
        InputError: there is no bag of a run, it has no messages, or its messages contradict each other.
    """
    bag = bag_folder(path)
    metadata = read_run_metadata(bag)
    contract = metadata.contract
    handlers: dict[str, Callable[[Any], None]] = {}

    def index(
        topic: str,
        read: Callable[[Any], Row],
        *,
        keep_last: bool = False,
        contradict: Callable[[Row, Row], bool] = lambda *_: False,
    ) -> Mapping[int, Row]:
        ticks = TickIndex(keep_last=keep_last, contradict=contradict)
        handlers[f"/{topic}"] = lambda message: ticks.add(message.tick, read(message))
        return ticks.rows

    def index_robots(topic: str, read: Callable[[Any], Row], **options: Any) -> tuple[Mapping[int, Row], ...]:
        return tuple(index(f"{name}/{topic}", read, **options) for name in metadata.robots)

    versions: dict[int, RecordedPolicyVersion] = {}
    handlers[f"/{POLICY_VERSION_TOPIC}"] = lambda message: versions.update(
        {message.version: _policy_version(message, bag)}
    )
    observed_N = index_robots(
        contract.observation.state.topic,
        partial(_observed, contract=contract),
        contradict=lambda known, new: known.stamp != new.stamp,
    )
    statuses_N = index_robots(contract.success.topic, _status, keep_last=True)
    released_N = index_robots(contract.action.topic, action_of)
    proposed_N = index_robots(POLICY_ACTION_TOPIC, action_of, keep_last=True)
    human_actions_N = index_robots(TELEOP_ACTION_TOPIC, action_of, keep_last=True)
    reports = index(POLICY_REPORT_TOPIC, _report, keep_last=True)
    leases = index(LEASES_TOPIC, _leases)
    with opened(bag) as reader:
        if not reader.message_count:
            raise InputError(f"{bag}: expected the bag of a run, got one without messages.")
        for topic, message in messages(reader, bag, handlers):
            with error_context(bag, topic):
                handlers[topic](message)
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
        policy_versions=tuple(versions[version] for version in sorted(versions)),
    )


def replayed_recording(fleet: Fleet) -> Recording:
    """Return the recording that a fleet with the backend `replay` replays.

    Raises:
        InputError: the fleet has another backend, or the bag cannot be used.
    """
    if fleet.environment.bag is None:
        raise InputError("environment.bag: expected the bag to replay, got null.")
    return read_recording(fleet.environment.bag)


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
        # In bags of version 0.1.0 the field is called `absent`.
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
