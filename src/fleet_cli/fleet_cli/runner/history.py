"""What happened, tick by tick, as the topics tell it.

N robots, T ticks.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fleet_allocator.effort import return_on_human_effort
from fleet_contract.action import RobotAction
from fleet_contract.driving import Driver, driver_of
from fleet_contract.fleet import Fleet
from fleet_contract.lease import Lease, LeaseKind

KEPT = 200
"""Ticks; topics never lag so far behind each other."""


@dataclass
class TickRecord:
    """One tick."""

    actions: dict[str, RobotAction] = field(default_factory=dict)
    leases: tuple[Lease, ...] = ()
    uncertainties: dict[str, float] = field(default_factory=dict)
    allocated: bool = False
    """Whether the tick's lease table has come."""

    def driver(self, robot: str) -> Driver:
        """Who had the robot."""
        lease = next((lease for lease in self.leases if lease.robot == robot), None)
        return driver_of(self.actions.get(robot), lease)


class History:
    """Collects what the topics say. The newest ticks are kept as they were told, of older ones only what the report needs."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.tick = -1
        """The newest tick that was heard of."""
        self.waiting: tuple[str, ...] = ()
        self.threshold = math.inf if fleet.allocation.threshold == "online" else float(fleet.allocation.threshold)
        """Of the uncertainty, at the newest allocation, nats."""
        self.versions: list[int] = []
        """Policy versions in the order of their service."""
        self.successes: dict[str, int] = {}
        self.hard_resets: dict[str, int] = {}
        self._status_ticks: dict[str, int] = {}
        self._moments: dict[int, TickRecord] = {}
        self._drivers: list[NDArray[np.int8]] = []
        self._uncertainties: list[NDArray[np.float32]] = []
        self._effort: dict[str, Counter[LeaseKind]] = {name: Counter() for name in fleet.supervisor_names}

    def add_status(self, robot: str, tick: int, *, successes: int, hard_resets: int) -> None:
        """What became of a robot up to a tick."""
        if tick <= self._status_ticks.get(robot, -1):
            return
        self._status_ticks[robot] = tick
        self.tick = max(self.tick, tick)
        self.successes[robot], self.hard_resets[robot] = successes, hard_resets

    def add_report(self, tick: int, version: int, uncertainties: dict[str, float]) -> None:
        """How sure the policy is."""
        self.at(tick).uncertainties = uncertainties
        if version not in self.versions:
            self.versions.append(version)

    def add_leases(
        self, tick: int, leases: tuple[Lease, ...], waiting: tuple[str, ...], threshold: float | None = None
    ) -> None:
        """Who holds whom; `threshold` where it may have changed."""
        moment = self.at(tick)
        moment.leases, moment.allocated = leases, True
        self.waiting = waiting
        self.threshold = self.threshold if threshold is None else threshold

    def add_action(self, robot: str, action: RobotAction) -> None:
        """What the gate released."""
        self.at(action.tick).actions[robot] = action

    def at(self, tick: int) -> TickRecord:
        """What is known of a tick; nothing, if it is long past."""
        if tick not in self._moments:
            if tick < len(self._drivers):
                return TickRecord()
            self._moments[tick] = TickRecord()
            while len(self._drivers) + KEPT <= tick:
                moment = self._moments.pop(len(self._drivers), TickRecord())
                self._drivers.append(self._drivers_of(moment))
                self._uncertainties.append(self._uncertainties_of(moment))
                _count(self._effort, moment)
        return self._moments[tick]

    def is_told(self, tick: int) -> bool:
        """Whether everything is known of a tick, and what became of it."""
        moment, robots = self.at(tick), self.fleet.robot_names
        told = moment.allocated and len(moment.uncertainties) == len(moment.actions) == len(robots)
        return told and all(self._status_ticks.get(robot, -1) > tick for robot in robots)

    @property
    def ticks(self) -> int:
        """Steps that the robots have made, with an action or holding because none came in time."""
        return max(self.tick, 0)

    @property
    def effort(self) -> dict[str, Counter[LeaseKind]]:
        """Ticks of teleoperation and of hard resets, per supervisor."""
        effort = {name: Counter(counter) for name, counter in self._effort.items()}
        for moment in self._moments.values():
            _count(effort, moment)
        return effort

    @property
    def human_actions(self) -> int:
        """Sum over ticks of the assigned supervisors, hard resets included (IIFL equation 3)."""
        return sum(counter.total() for counter in self.effort.values())

    @property
    def completed(self) -> int:
        """Tasks, all robots together."""
        return sum(self.successes.values())

    @property
    def rohe(self) -> float:
        """Return on human effort, IIFL equation 3: the reward is 1 for a completed task (section 5.2)."""
        return return_on_human_effort(
            robots=self.fleet.robots.count,
            supervisors=self.fleet.supervisors.count,
            reward=self.completed,
            human_actions=self.human_actions,
        )

    def drivers_TN(self) -> NDArray[np.int8]:  # noqa: N802 - shape suffix
        """`Driver` of every tick and robot, (T, N)."""
        return np.array([*self._drivers, *map(self._drivers_of, self._in_order())]).reshape(-1, self.fleet.robots.count)

    def uncertainties_TN(self) -> NDArray[np.float32]:  # noqa: N802 - shape suffix
        """Uncertainty of every tick and robot, (T, N), nats; not a number where the policy did not say."""
        rows = [*self._uncertainties, *map(self._uncertainties_of, self._in_order())]
        return np.array(rows).reshape(-1, self.fleet.robots.count)

    def _in_order(self) -> list[TickRecord]:
        """The newest ticks that are over."""
        return [self._moments.get(tick, TickRecord()) for tick in range(len(self._drivers), self.ticks)]

    def _drivers_of(self, moment: TickRecord) -> NDArray[np.int8]:
        return np.array([moment.driver(robot) for robot in self.fleet.robot_names], dtype=np.int8)

    def _uncertainties_of(self, moment: TickRecord) -> NDArray[np.float32]:
        return np.array([moment.uncertainties.get(robot, np.nan) for robot in self.fleet.robot_names], dtype=np.float32)


def _count(effort: dict[str, Counter[LeaseKind]], moment: TickRecord) -> None:
    for lease in moment.leases:
        effort[lease.supervisor][lease.kind] += 1
