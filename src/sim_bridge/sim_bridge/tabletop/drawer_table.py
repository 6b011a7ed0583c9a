"""Tables with a drawer that is opened or closed by its handle. N robots of the task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from sim_bridge.tabletop import geometry as g
from sim_bridge.tabletop.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_bridge.tabletop.task import Task

BESIDE_M = 0.08
"""Largest deviation of the cabinet from the middle of the table."""
POST_M = ((-0.06, -0.14), (0.06, -0.115))
"""Ranges of the post's position, x from the middle of the cabinet and y on the table."""
OPENINGS_M = {"open_drawer": (0.0, 0.015), "close_drawer": (0.06, 0.09)}
"""Range of the openings with which episodes begin, by task."""


class DrawerTable(Table):
    """The object is the middle of the handle's bar; its yaw is always 0. A post stands between the finger and the drawer."""

    def __init__(self, task: Task, robots: int) -> None:
        super().__init__(task, robots)
        self._moved_NQ = self._joint("object", 1)
        self._posts_N3 = self._mocap("obstacle")

    @override
    def objects(self) -> NDArray[np.float64]:
        still_N2 = np.tile((1.0, 0.0), (len(self._moved_NQ), 1))
        return np.column_stack([self._fixtures_N3[:, 0], g.BAR_Y_M - self._moved_NQ[:, 0], still_N2])

    @override
    def remaining(self) -> NDArray[np.float64]:
        """Return the distance of the openings from those that are asked for, (N,), m."""
        openings_N: NDArray[np.float64] = self._moved_NQ[:, 0]
        return np.maximum(g.OPENED_M - openings_N if self._opens else openings_N - g.CLOSED_M, 0.0)

    @override
    def arrived(self) -> NDArray[np.bool_]:
        return np.asarray(self.remaining() == 0.0)

    @override
    def obstacles(self) -> NDArray[np.float64]:
        return self._posts_N3[:, :2].copy()

    @override
    def _arrange(self, robot: int, generator: np.random.Generator) -> None:
        x_m = generator.uniform(-BESIDE_M, BESIDE_M)
        post_2 = generator.uniform(*POST_M)
        self._posts_N3[robot, :2] = (x_m + post_2[0], post_2[1])
        self._moved_NQ[robot, 0] = generator.uniform(*OPENINGS_M[self.task.name])
        self._fixtures_N3[robot] = (x_m, g.CABINET_FRONT_Y_M, 0.0)
        self._goals_N3[robot, :2] = (x_m, g.BAR_Y_M - (g.OPENED_M if self._opens else g.CLOSED_M))

    @property
    def _opens(self) -> bool:
        return self.task.name == "open_drawer"
