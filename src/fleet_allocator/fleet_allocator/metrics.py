"""Metrics of a run, counted tick by tick (IIFL section 5).

N robots, M humans.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet_contract.lease import LeaseKind
from fleet_contract.lease_table import LeaseTable


class Metrics:
    """Counts since the start of the run, per robot and per human."""

    def __init__(self, robots: tuple[str, ...], supervisors: tuple[str, ...]) -> None:
        self.successes_N = np.zeros(len(robots), dtype=np.int64)
        """Completed tasks."""
        self.hard_resets_N = np.zeros(len(robots), dtype=np.int64)
        """Incidents that needed a hard reset; not their ticks."""
        self.idle_ticks_N = np.zeros(len(robots), dtype=np.int64)
        """Ticks in violation: waiting for a hard reset or being reset."""
        self.teleoperation_ticks_M = np.zeros(len(supervisors), dtype=np.int64)
        """Ticks of teleoperation."""
        self.hard_reset_ticks_M = np.zeros(len(supervisors), dtype=np.int64)
        """Ticks of hard resets."""
        self.switches_M = np.zeros(len(supervisors), dtype=np.int64)
        """Number of times that a human started to help another robot than before, also after being idle."""
        self._human = {name: human for human, name in enumerate(supervisors)}
        self._violated_N = np.zeros(len(robots), dtype=bool)
        self._last_robot: dict[str, str] = {}

    def add(self, table: LeaseTable, violated_N: NDArray[np.bool_], succeeded_N: NDArray[np.bool_]) -> None:
        """Count one tick.

        Args:
            table: Leases of the tick.
            violated_N: Whether a robot was in constraint violation when the table was made. A violation that the tick's actions
                cause is counted at the next tick.
            succeeded_N: Whether the tick's action completed the robot's task.
        """
        self.successes_N += succeeded_N
        self.hard_resets_N += violated_N & ~self._violated_N
        self.idle_ticks_N += violated_N
        self._violated_N = violated_N.copy()
        for lease in table.leases:
            human = self._human[lease.supervisor]
            ticks_M = self.hard_reset_ticks_M if lease.kind is LeaseKind.HARD_RESET else self.teleoperation_ticks_M
            ticks_M[human] += 1
            self.switches_M[human] += self._last_robot.get(lease.supervisor, lease.robot) != lease.robot
            self._last_robot[lease.supervisor] = lease.robot

    @property
    def human_actions(self) -> int:
        """Sum over ticks of the assigned humans, hard resets included (IIFL equation 3)."""
        return int(self.teleoperation_ticks_M.sum() + self.hard_reset_ticks_M.sum())
