"""Tables with a lever of two arms that is turned until its coloured tip is at the goal. N robots of the task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from sim_bridge.tabletop import geometry as g
from sim_bridge.tabletop.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_bridge.tabletop.task import Task

PIVOT_M = 0.03
"""Largest |x| and |y| of the pivot."""
TURNS_RAD = (1.4, 2.3)
"""Range of the angles by which the lever is to be turned, in either direction."""


class LeverTable(Table):
    """The object is the lever's coloured tip, and its yaw that of the arm with the tip."""

    def __init__(self, task: Task, robots: int) -> None:
        super().__init__(task, robots)
        self._moved_NQ = self._joint("object", 1)

    @override
    def objects(self) -> NDArray[np.float64]:
        angles_N = self._moved_NQ[:, 0]
        return np.column_stack([self._fixtures_N3[:, :2] + arm(angles_N), np.cos(angles_N), np.sin(angles_N)])

    @override
    def remaining(self) -> NDArray[np.float64]:
        """Return how far the tips still have to move, (N,), m."""
        to_goal_N2 = (self._goals_N3 - self._fixtures_N3)[:, :2]
        off_N = np.arctan2(to_goal_N2[:, 1], to_goal_N2[:, 0]) - self._moved_NQ[:, 0]
        return g.LEVER_ARM_M * np.abs(np.remainder(off_N + np.pi, 2 * np.pi) - np.pi)

    @override
    def arrived(self) -> NDArray[np.bool_]:
        return np.asarray(self.remaining() <= g.LEVER_ARM_M * g.LEVER_TOLERANCE_RAD)

    @override
    def obstacles(self) -> NDArray[np.float64]:
        return self._fixtures_N3[:, :2].copy()

    @override
    def _arrange(self, robot: int, generator: np.random.Generator) -> None:
        self._fixtures_N3[robot, :2] = generator.uniform(-PIVOT_M, PIVOT_M, 2)
        angle = generator.uniform(-np.pi, np.pi)
        turn = generator.choice([-1, 1]) * generator.uniform(*TURNS_RAD)
        self._moved_NQ[robot, 0] = angle
        self._goals_N3[robot, :2] = self._fixtures_N3[robot, :2] + arm(angle + turn)


def arm(angles: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return the vectors from the pivot to the tip at these angles, (..., 2), m."""
    return g.LEVER_ARM_M * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
