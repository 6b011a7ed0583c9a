"""Collects the fleet's messages tick by tick and returns what can be drawn.

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
from fleet_views.robot_snapshot import RobotSnapshot

STORED_TICKS = 8
"""Number of ticks that are stored; topics and robots are never so many ticks apart."""


@dataclass
class TickMessages:
    """The messages of one tick, by robot."""

    states: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    violated: dict[str, bool] = field(default_factory=dict)
    unreachable: dict[str, str] = field(default_factory=dict)
    uncertainties: Mapping[str, float] | None = None
    leases: Mapping[str, Lease] | None = None
    waiting: frozenset[str] = frozenset()
    threshold: float = inf
    actions: dict[str, RobotAction] = field(default_factory=dict)


class TickCollector:
    """Stores the newest ticks of a fleet; their messages may arrive in any order."""

    def __init__(self, robots: Sequence[str]) -> None:
        self._robots = robots
        self._ticks: dict[int, TickMessages] = {}
        self._last_complete_taken = -1
        self._unit = ""
        self.changed = False
        """Whether a message has been added since `snapshots` was last called."""

    def add_status(self, robot: str, tick: int, *, violated: bool, unreachable: str) -> None:
        """Add a robot's status at a tick."""
        messages = self._messages(tick)
        messages.violated[robot], messages.unreachable[robot] = violated, unreachable

    def add_state(self, robot: str, tick: int, state_S: NDArray[np.float64]) -> None:
        """Add a robot's observation at a tick, (S,)."""
        self._messages(tick).states[robot] = state_S

    def add_uncertainties(self, tick: int, uncertainties: Mapping[str, float], unit: str = "") -> None:
        """Add the policy's uncertainties at a tick by robot, and their unit."""
        self._messages(tick).uncertainties = uncertainties
        self._unit = unit

    def add_leases(self, tick: int, leases: Iterable[Lease], waiting: Iterable[str], threshold: float) -> None:
        """Add the lease table of a tick, the robots that wait for a human, and the threshold of the uncertainty."""
        messages = self._messages(tick)
        messages.leases = {lease.robot: lease for lease in leases}
        messages.waiting, messages.threshold = frozenset(waiting), threshold

    def add_action(self, robot: str, action: RobotAction) -> None:
        """Add an action that the gate has released."""
        self._messages(action.tick).actions[robot] = action

    @property
    def complete(self) -> bool:
        """Whether all robots' statuses and actions are there of a tick newer than the complete tick last taken."""
        return self._newest_complete() > self._last_complete_taken

    def snapshots(self) -> list[RobotSnapshot] | None:
        """Return all robots, (N,), at the newest complete tick, or else at the newest tick; None before the first.

        Values that an incomplete tick does not have yet are those of the tick before, except actions.
        """
        self.changed = False
        tick = self._newest_complete() if self.complete else max(self._ticks, default=-1)
        if tick < 0:
            return None
        self._last_complete_taken = self._newest_complete()
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
                unit=self._unit,
                waiting=robot in table.waiting,
                lease=(table.leases or {}).get(robot),
                action=now.actions.get(robot),
                last=before.actions.get(robot),
            )
            for robot in self._robots
        ]

    def _newest_complete(self) -> int:
        """Return the newest tick with all robots' statuses and actions; -1 if there is none."""
        known = len(self._robots), len(self._robots)
        ticks = (number for number, tick in self._ticks.items() if (len(tick.actions), len(tick.unreachable)) == known)
        return max(ticks, default=-1)

    def _messages(self, tick: int) -> TickMessages:
        """Return the messages of a tick, to be added to; those added to a tick that is no longer stored are dropped."""
        self.changed = True
        newest = max(self._ticks, default=tick)
        for old in [number for number in self._ticks if number <= newest - STORED_TICKS]:
            del self._ticks[old]
        return self._ticks.setdefault(tick, TickMessages()) if tick > newest - STORED_TICKS else TickMessages()
