"""Reads a recorded run by tick and robot, with the code that reads the same messages live.

N robots, S state dim, H image rows, W image columns, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from fleet_contract.lease_table import LeaseTable, lease_table_of
from fleet_contract.observation import image_of, state_of
from fleet_contract.robot import RobotContract
from fleet_contract.robot_actions import robot_actions_of
from fleet_contract.robot_states import robot_states_of
from fleet_contract.signal import UNCERTAINTY, signal_of
from fleet_contract.stamps import StampJoin
from fleet_contract.topics import (
    ACTIONS_TOPIC,
    LEASES_TOPIC,
    POLICY_ACTIONS_TOPIC,
    POLICY_VERSION_TOPIC,
    ROBOT_STATES_TOPIC,
    SIGNAL_VERSION_TOPIC,
    TELEOP_ACTIONS_TOPIC,
    signal_topic,
)
from fleet_contract.validation import InputError

REPORT_TOPIC_OF_0_1_0 = "/fleet/policy_report"
"""Topic that only bags of version 0.1.0 have."""
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
class RecordedPolicyVersion:
    """A policy version that the trainer published during the run."""

    version: int
    due_tick: int
    path: Path
    """Path of the checkpoint: where it was written or, if that file no longer exists, beside the bag."""
    digest: str


@dataclass(frozen=True)
class RecordedSignalVersion:
    """A version of what computes signals that its trainer published during the run."""

    provider: str
    signals: tuple[str, ...]
    """Names of its signals."""
    version: int
    due_tick: int
    path: Path
    """Path of the file: where it was written or, if that file no longer exists, beside the bag."""
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
    units: Mapping[str, str]
    """Units of the signals by name."""
    signals: Mapping[str, Mapping[int, Mapping[str, float]]]
    """Values of the signals by name, tick and robot."""
    leases: Mapping[int, LeaseTable]
    policy_versions: tuple[RecordedPolicyVersion, ...]
    signal_versions: tuple[RecordedSignalVersion, ...] = ()
    """By signals and version."""

    def images(self) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
        """Yield tick, robot and image (H, W, C) of every recorded image once, in the order of recording.

        Raises:
            InputError: the robots have no camera, or an image does not fit it.
        """
        contract, robots = self.metadata.contract, self.metadata.robots
        owners = {f"/{name}/{contract.require_camera().topic}": robot for robot, name in enumerate(robots)}
        joins = [StampJoin[NDArray[np.uint8]](stores_all=True) for _ in robots]
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
    rows = _Rows(metadata, bag)
    with opened(bag) as reader:
        if not reader.message_count:
            raise InputError(f"{bag}: expected the bag of a run, got one without messages.")
        is_of_0_1_0 = REPORT_TOPIC_OF_0_1_0 in {connection.topic for connection in reader.connections}
        handlers = rows.handlers_of_0_1_0() if is_of_0_1_0 else rows.handlers()
        for topic, message in messages(reader, bag, handlers):
            with error_context(bag, topic):
                handlers[topic](message)
    statuses_N = _rows_of(rows.statuses_N)
    newest = max((tick for statuses in statuses_N for tick in statuses), default=0)
    return Recording(
        bag=bag,
        metadata=metadata,
        ticks=newest,
        observed_N=_rows_of(rows.observed_N),
        statuses_N=statuses_N,
        released_N=_rows_of(rows.released_N),
        proposed_N=_rows_of(rows.proposed_N),
        human_actions_N=_rows_of(rows.human_actions_N),
        reports=rows.reports.rows,
        units=rows.units,
        signals={name: index.rows for name, index in rows.signals.items()},
        leases=rows.leases.rows,
        policy_versions=tuple(rows.versions[version] for version in sorted(rows.versions)),
        signal_versions=tuple(rows.signal_versions[key] for key in sorted(rows.signal_versions)),
    )


def replayed_recording(fleet: Fleet) -> Recording:
    """Return the recording that a fleet with the backend `replay` replays.

    Raises:
        InputError: the fleet has another backend, or the bag cannot be used.
    """
    if fleet.environment.bag is None:
        raise InputError("environment.bag: expected the bag to replay, got null.")
    return read_recording(fleet.environment.bag)


class _Rows:
    """The rows of all streams, by robot and tick, while a bag is read."""

    def __init__(self, metadata: RunMetadata, bag: Path) -> None:
        robots, self._contract, self._bag = metadata.robots, metadata.contract, bag
        self._robots = {name: robot for robot, name in enumerate(robots)}
        self.observed_N = [TickIndex[Observed](contradict=lambda known, new: known.stamp != new.stamp) for _ in robots]
        self.statuses_N = [TickIndex[Status](keep_last=True) for _ in robots]
        self.released_N = [TickIndex[RobotAction]() for _ in robots]
        self.proposed_N = [TickIndex[RobotAction](keep_last=True) for _ in robots]
        self.human_actions_N = [TickIndex[RobotAction](keep_last=True) for _ in robots]
        self.reports = TickIndex[Report](keep_last=True)
        self.leases = TickIndex[LeaseTable]()
        self.units: dict[str, str] = {}
        self.signals = {name: TickIndex[Mapping[str, float]](keep_last=True) for name in metadata.fleet.signal_names}
        self.versions: dict[int, RecordedPolicyVersion] = {}
        self._learns = any(selection.learns for selection in metadata.fleet.signals)
        self.signal_versions: dict[tuple[tuple[str, ...], int], RecordedSignalVersion] = {}

    def handlers(self) -> dict[str, Callable[[Any], None]]:
        """Return what adds a message, by topic."""
        return self._handlers_of_all_versions() | {
            f"/{ROBOT_STATES_TOPIC}": self._add_states,
            f"/{ACTIONS_TOPIC}": partial(self._add_actions, self.released_N),
            f"/{POLICY_ACTIONS_TOPIC}": partial(self._add_actions, self.proposed_N),
            f"/{TELEOP_ACTIONS_TOPIC}": partial(self._add_actions, self.human_actions_N),
            **({f"/{SIGNAL_VERSION_TOPIC}": self._add_signal_version} if self._learns else {}),
            **{f"/{signal_topic(name)}": partial(self._add_signal, name) for name in self.signals},
        }

    def handlers_of_0_1_0(self) -> dict[str, Callable[[Any], None]]:
        """Return what adds a message of version 0.1.0, in which every robot had topics of its own, by topic."""
        handlers = self._handlers_of_all_versions() | {REPORT_TOPIC_OF_0_1_0: self._add_report}

        def add(topic: str, index: TickIndex[Row], read: Callable[[Any], Row]) -> None:
            handlers[f"/{topic}"] = lambda message: index.add(message.tick, read(message))

        for name, robot in self._robots.items():
            state, contract = self._contract.observation.state.topic, self._contract
            add(f"{name}/{state}", self.observed_N[robot], partial(_observed, contract=contract))
            add(f"{name}/{contract.success.topic}", self.statuses_N[robot], _status)
            add(f"{name}/{contract.action.topic}", self.released_N[robot], action_of)
            add(f"{name}/policy_action", self.proposed_N[robot], action_of)
            add(f"{name}/teleop_action", self.human_actions_N[robot], action_of)
        return handlers

    def _handlers_of_all_versions(self) -> dict[str, Callable[[Any], None]]:
        return {
            f"/{LEASES_TOPIC}": lambda message: self.leases.add(message.tick, lease_table_of(message)),
            f"/{POLICY_VERSION_TOPIC}": self._add_version,
        }

    def _add_states(self, message: Any) -> None:
        states, stamp = robot_states_of(message, self._contract, self._robots), _stamp(message)
        for row, name in enumerate(states.robots):
            status = Status(
                stamp=stamp,
                episode=int(states.episodes_N[row]),
                reward=float(states.rewards_N[row]),
                succeeded=bool(states.succeeded_N[row]),
                violated=bool(states.violated_N[row]),
                unreachable=states.unreachable[row],
                successes=int(states.successes_N[row]),
                hard_resets=int(states.hard_resets_N[row]),
            )
            self.statuses_N[self._robots[name]].add(states.tick, status)
        for row in states.observed:
            observed = Observed(stamp, int(states.episodes_N[row]), states.states_NS[row])
            self.observed_N[self._robots[states.robots[row]]].add(states.tick, observed)

    def _add_actions(self, index_N: Sequence[TickIndex[RobotAction]], message: Any) -> None:
        for name, action in robot_actions_of(message, self._robots).items():
            index_N[self._robots[name]].add(action.tick, action)

    def _add_signal(self, name: str, message: Any) -> None:
        signal = signal_of(message, self._robots)
        self.units[name], values = signal.unit, signal.by_robot
        self.signals[name].add(signal.tick, values)
        if name == UNCERTAINTY:
            self.reports.add(signal.tick, Report(signal.version, values))

    def _add_report(self, message: Any) -> None:
        uncertainties = dict(zip(message.robots, message.uncertainties.tolist(), strict=True))
        self.units[UNCERTAINTY] = "nats"
        self.signals[UNCERTAINTY].add(message.tick, uncertainties)
        self.reports.add(message.tick, Report(message.policy_version, uncertainties))

    def _add_version(self, message: Any) -> None:
        written = Path(message.path)
        path = written if written.exists() else self._bag.parent / written.parent.name / written.name
        self.versions[message.version] = RecordedPolicyVersion(message.version, message.due_tick, path, message.digest)

    def _add_signal_version(self, message: Any) -> None:
        written, signals = Path(message.path), tuple(message.signals)
        path = written if written.exists() else self._bag.parent.joinpath(*written.parts[-3:])
        self.signal_versions[signals, message.version] = RecordedSignalVersion(
            message.provider, signals, message.version, message.due_tick, path, message.digest
        )


def _rows_of(index_N: Sequence[TickIndex[Row]]) -> tuple[Mapping[int, Row], ...]:
    return tuple(index.rows for index in index_N)


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
