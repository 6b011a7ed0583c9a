"""Collects what happened in a run, tick by tick, from its topics.

N robots, T ticks.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fleet_allocator.effort import return_on_human_effort
from fleet_contract.action import RobotAction
from fleet_contract.driving import Driver, driver_of
from fleet_contract.fleet import Fleet
from fleet_contract.lease import Lease, LeaseKind
from fleet_contract.signal import UNCERTAINTY

WINDOW_TICKS = 200
"""Newest ticks that are held in full; topics never lag so far behind each other."""


@dataclass
class TickRecord:
    """What the topics published about one tick."""

    actions: dict[str, RobotAction] = field(default_factory=dict)
    leases: tuple[Lease, ...] = ()
    uncertainties: Mapping[str, float] = field(default_factory=dict)
    allocated: bool = False
    """Whether the lease table of the tick has arrived."""

    def driver(self, robot: str) -> Driver:
        """Return who drove a robot."""
        lease = next((lease for lease in self.leases if lease.robot == robot), None)
        return driver_of(self.actions.get(robot), lease)


class History:
    """Holds the newest ticks of a run in full, and of older ones what the report needs."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.tick = -1
        """Newest tick of which a status was received; -1 before the first."""
        self.waiting: tuple[str, ...] = ()
        self.threshold = _initial_threshold(fleet)
        """Threshold of the uncertainty at the newest allocation."""
        self.unit = ""
        """Unit of uncertainties and threshold; empty before the first."""
        self.versions: list[int] = []
        """Policy versions in the order in which they were deployed."""
        self.successes: dict[str, int] = {}
        self.hard_resets: dict[str, int] = {}
        self.dismissed_alarms = 0
        """Number of alarms that humans have dismissed as false."""
        self._status_ticks: dict[str, int] = {}
        self._records: dict[int, TickRecord] = {}
        self._drivers: list[NDArray[np.int8]] = []
        self._uncertainties: list[NDArray[np.float32]] = []
        self._effort: dict[str, Counter[LeaseKind]] = {name: Counter() for name in fleet.supervisor_names}

    def add_status(self, robot: str, tick: int, *, successes: int, hard_resets: int) -> None:
        """Add the outcome of a robot up to a tick."""
        if tick <= self._status_ticks.get(robot, -1):
            return
        self._status_ticks[robot] = tick
        self.tick = max(self.tick, tick)
        self.successes[robot], self.hard_resets[robot] = successes, hard_resets

    def add_uncertainties(self, tick: int, version: int, uncertainties: Mapping[str, float]) -> None:
        """Add the uncertainties of a policy version."""
        self.at(tick).uncertainties = uncertainties
        if version not in self.versions:
            self.versions.append(version)

    def add_leases(
        self,
        tick: int,
        leases: tuple[Lease, ...],
        waiting: tuple[str, ...],
        threshold: float | None = None,
        dismissed_alarms: int = 0,
    ) -> None:
        """Add the allocation of a tick; `threshold` of the uncertainty if it may have changed."""
        record = self.at(tick)
        record.leases, record.allocated = leases, True
        self.waiting = waiting
        self.dismissed_alarms += dismissed_alarms
        self.threshold = self.threshold if threshold is None else threshold

    def add_action(self, robot: str, action: RobotAction) -> None:
        """Add the action that the gate released for a robot."""
        self.at(action.tick).actions[robot] = action

    def at(self, tick: int) -> TickRecord:
        """Return what is known of a tick; an empty record for one before the newest `WINDOW_TICKS`."""
        if tick not in self._records:
            if tick < len(self._drivers):
                return TickRecord()
            self._records[tick] = TickRecord()
            while len(self._drivers) + WINDOW_TICKS <= tick:
                record = self._records.pop(len(self._drivers), TickRecord())
                self._drivers.append(self._drivers_of(record))
                self._uncertainties.append(self._uncertainties_of(record))
                _count(self._effort, record)
        return self._records[tick]

    def is_complete(self, tick: int) -> bool:
        """Return whether all messages about a tick and its outcome have arrived."""
        record, robots = self.at(tick), self.fleet.robot_names
        decided = record.allocated and len(record.uncertainties) == len(record.actions) == len(robots)
        return decided and all(self._status_ticks.get(robot, -1) > tick for robot in robots)

    @property
    def ticks(self) -> int:
        """Number of steps that the robots have made, including those at which they held because no action arrived in time."""
        return max(self.tick, 0)

    @property
    def effort(self) -> dict[str, Counter[LeaseKind]]:
        """Number of ticks of teleoperation and of hard resets, by supervisor."""
        effort = {name: Counter(counter) for name, counter in self._effort.items()}
        for record in self._records.values():
            _count(effort, record)
        return effort

    @property
    def human_actions(self) -> int:
        """Number of ticks with an assigned supervisor, summed over supervisors, hard resets included (IIFL equation 3)."""
        return sum(counter.total() for counter in self.effort.values())

    @property
    def completed(self) -> int:
        """Number of completed tasks of all robots together."""
        return sum(self.successes.values())

    @property
    def rohe(self) -> float:
        """Return on human effort (IIFL equation 3); the reward is 1 for a completed task (section 5.2)."""
        return return_on_human_effort(
            robots=self.fleet.robots.count,
            supervisors=self.fleet.supervisors.count,
            reward=self.completed,
            human_actions=self.human_actions,
        )

    def drivers_TN(self) -> NDArray[np.int8]:  # noqa: N802 - shape suffix
        """Return the `Driver` at every tick of every robot, (T, N)."""
        return np.array([*self._drivers, *map(self._drivers_of, self._in_order())]).reshape(-1, self.fleet.robots.count)

    def uncertainties_TN(self) -> NDArray[np.float32]:  # noqa: N802 - shape suffix
        """Return the uncertainty at every tick about every robot, (T, N); NaN where the policy reported none."""
        rows = [*self._uncertainties, *map(self._uncertainties_of, self._in_order())]
        return np.array(rows).reshape(-1, self.fleet.robots.count)

    def _in_order(self) -> list[TickRecord]:
        """Return the records of the newest ticks that are over, in order."""
        return [self._records.get(tick, TickRecord()) for tick in range(len(self._drivers), self.ticks)]

    def _drivers_of(self, record: TickRecord) -> NDArray[np.int8]:
        return np.array([record.driver(robot) for robot in self.fleet.robot_names], dtype=np.int8)

    def _uncertainties_of(self, record: TickRecord) -> NDArray[np.float32]:
        return np.array([record.uncertainties.get(robot, np.nan) for robot in self.fleet.robot_names], dtype=np.float32)


def _initial_threshold(fleet: Fleet) -> float:
    threshold = fleet.allocation.threshold(UNCERTAINTY)
    return math.inf if isinstance(threshold, str) else threshold


def _count(effort: dict[str, Counter[LeaseKind]], record: TickRecord) -> None:
    for lease in record.leases:
        effort[lease.supervisor][lease.kind] += 1
