"""Collects what the topics say, tick by tick, and tells what is worth showing.

N robots, S state dim.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, nan

import numpy as np
from numpy.typing import NDArray

from fleet_contract.action import RobotAction
from fleet_contract.lease import Lease
from fleet_views.moment import RobotSnapshot

KEPT = 8
"""Ticks; topics and robots are never so far apart."""


@dataclass
class TickMessages:
    """What was said about one tick, by robot."""

    states: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    violated: dict[str, bool] = field(default_factory=dict)
    unreachable: dict[str, str] = field(default_factory=dict)
    uncertainties: Mapping[str, float] | None = None
    leases: Mapping[str, Lease] | None = None
    waiting: frozenset[str] = frozenset()
    threshold: float = inf
    actions: dict[str, RobotAction] = field(default_factory=dict)


class Gathering:
    """The newest ticks of a fleet, in whatever order their messages come."""

    def __init__(self, robots: Sequence[str]) -> None:
        self._robots = robots
        self._ticks: dict[int, TickMessages] = {}
        self._shown = -1
        self.changed = False
        """Whether something was said since `show` was last called."""

    def add_status(self, robot: str, tick: int, *, violated: bool, unreachable: str) -> None:
        """What became of a robot up to a tick."""
        at = self._at(tick)
        at.violated[robot], at.unreachable[robot] = violated, unreachable

    def add_state(self, robot: str, tick: int, state_S: NDArray[np.float64]) -> None:
        """What a robot observes, (S,)."""
        self._at(tick).states[robot] = state_S

    def add_report(self, tick: int, uncertainties: Mapping[str, float]) -> None:
        """How sure the policy is."""
        self._at(tick).uncertainties = uncertainties

    def add_leases(self, tick: int, leases: Iterable[Lease], waiting: Iterable[str], threshold: float) -> None:
        """Who holds whom."""
        at = self._at(tick)
        at.leases, at.waiting, at.threshold = {lease.robot: lease for lease in leases}, frozenset(waiting), threshold

    def add_action(self, robot: str, action: RobotAction) -> None:
        """What the gate released."""
        self._at(action.tick).actions[robot] = action

    @property
    def complete(self) -> bool:
        """Whether there is a tick that was not shown, and of which the statuses and actions of all robots are known."""
        return self._complete() > self._shown

    def show(self) -> list[RobotSnapshot] | None:
        """All robots, (N,), at the newest tick that is complete, or else at the newest that has begun; None before the first.

        What is not known yet of a tick that is not complete is as it was at the tick before, but for the actions.
        """
        self.changed = False
        tick = self._complete() if self.complete else max(self._ticks, default=-1)
        if tick < 0:
            return None
        self._shown = self._complete()
        now, before = self._ticks[tick], self._ticks.get(tick - 1, TickMessages())
        uncertainties = (now if now.uncertainties is not None else before).uncertainties or {}
        table = now if now.leases is not None else before
        return [
            RobotSnapshot(
                state_S=now.states.get(robot, before.states.get(robot)),
                violated=now.violated.get(robot, before.violated.get(robot, False)),
                unreachable=now.unreachable.get(robot, before.unreachable.get(robot, "")),
                uncertainty=uncertainties.get(robot, nan),
                threshold=table.threshold,
                waiting=robot in table.waiting,
                lease=(table.leases or {}).get(robot),
                action=now.actions.get(robot),
                last=before.actions.get(robot),
            )
            for robot in self._robots
        ]

    def _complete(self) -> int:
        """The newest such tick, shown or not; -1 if there is none."""
        known = len(self._robots), len(self._robots)
        ticks = (number for number, tick in self._ticks.items() if (len(tick.actions), len(tick.unreachable)) == known)
        return max(ticks, default=-1)

    def _at(self, tick: int) -> TickMessages:
        """What is known of a tick; what is said of one that is long past is forgotten."""
        self.changed = True
        newest = max(self._ticks, default=tick)
        for old in [number for number in self._ticks if number <= newest - KEPT]:
            del self._ticks[old]
        return self._ticks.setdefault(tick, TickMessages()) if tick > newest - KEPT else TickMessages()
