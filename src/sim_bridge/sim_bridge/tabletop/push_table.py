"""Tables on which a loose object is pushed around an obstacle to its goal. N robots of the task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from sim_bridge.tabletop import geometry as g
from sim_bridge.tabletop.loose_body import fallen, standing, yaws
from sim_bridge.tabletop.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_bridge.tabletop.task import Task

OBJECTS = {
    "push_block": (g.BLOCK_HALF_M, g.BLOCK_HEIGHT_M),
    "push_disc": (g.DISC_RADIUS_M, g.DISC_HEIGHT_M),
    "insert_peg": (g.PEG_RADIUS_M, g.PEG_HEIGHT_M),
}
"""Half the width of the object and its height, by task."""
BESIDE_M = 0.07
"""Largest deviation of objects and goals from the middle, to the sides."""
START_M, GOAL_M, ALONG_M = -0.105, 0.11, 0.02
"""Where objects and goals are on both sides of the obstacle, and the largest deviation from that."""


class PushTable(Table):
    """Blocks and pegs are pushed upwards in the image, discs to the right."""

    def __init__(self, task: Task, robots: int) -> None:
        super().__init__(task, robots)
        self._moved_NQ = self._joint("object", 7)
        self._half_m, self._height_m = OBJECTS[task.name]
        self._around_m = g.OBSTACLE_RADIUS_M[task.name] + self._half_m

    @override
    def objects(self) -> NDArray[np.float64]:
        yaws_N = yaws(self._moved_NQ)
        return np.column_stack([self._moved_NQ[:, :2], np.cos(yaws_N), np.sin(yaws_N)])

    @override
    def remaining(self) -> NDArray[np.float64]:
        """Return the length of the shortest path around the obstacle, (N,), m."""
        return path_around(self._moved_NQ[:, :2], self._goals_N3[:, :2], self._around_m)

    @override
    def arrived(self) -> NDArray[np.bool_]:
        away_N2 = self._moved_NQ[:, :2] - self._goals_N3[:, :2]
        return np.asarray(np.hypot(*away_N2.T) <= g.GOAL_RADIUS_M[self.task.name])

    @override
    def fallen(self) -> NDArray[np.int64]:
        return fallen(self._moved_NQ)

    @override
    def obstacles(self) -> NDArray[np.float64]:
        return np.zeros((len(self._moved_NQ), 2))

    @override
    def _arrange(self, robot: int, generator: np.random.Generator) -> None:
        low, high = (-BESIDE_M, -ALONG_M), (BESIDE_M, ALONG_M)
        start_2, goal_2 = (generator.uniform(low, high) + np.array([0.0, along]) for along in (START_M, GOAL_M))
        yaw = generator.uniform(-np.pi / 4, np.pi / 4)
        if self.task.name == "push_disc":
            for point_2 in (start_2, goal_2, self._fingers_N2[robot]):
                point_2[:] = (point_2[1], -point_2[0])
        elif self.task.name == "insert_peg":
            goal_2[1] = g.SLOT_MOUTH_Y_M + g.SLOT_GOAL_M
            self._fixtures_N3[robot] = (goal_2[0], g.SLOT_MOUTH_Y_M, 0.0)
        self._moved_NQ[robot] = standing(start_2, yaw, self._height_m)
        self._goals_N3[robot, :2] = goal_2


def path_around(points_N2: NDArray[np.float64], goals_N2: NDArray[np.float64], radius_m: float) -> NDArray[np.float64]:
    """Return the length of the shortest path from points to goals outside of the circle around the origin, (N,), m.

    It is straight, or two tangents with an arc between them. Points inside of the circle count as if they were on it.
    """
    from_N = np.maximum(np.hypot(*points_N2.T), radius_m)
    to_N = np.maximum(np.hypot(*goals_N2.T), radius_m)
    turns_N = np.arctan2(
        points_N2[:, 0] * goals_N2[:, 1] - points_N2[:, 1] * goals_N2[:, 0], np.sum(points_N2 * goals_N2, axis=1)
    )
    arcs_N = np.abs(turns_N) - np.arccos(radius_m / from_N) - np.arccos(radius_m / to_N)
    tangents_N = np.sqrt(from_N**2 - radius_m**2) + np.sqrt(to_N**2 - radius_m**2)
    straight_N = np.hypot(*(points_N2 - goals_N2).T)
    return np.asarray(np.where(arcs_N > 0, tangents_N + radius_m * arcs_N, straight_N))
