"""The layout of the maze. N robots, R walls."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

THICK = 2.0
"""Thickness of the outer walls, cells, which matters only for figures."""


class MazeRectangle(NamedTuple):
    """A rectangle along the axes, with its edge."""

    x_low: float
    y_low: float
    x_high: float
    y_high: float


@dataclass(frozen=True)
class MazeLayout:
    """A fork around an obstacle, then a long corridor. x to the right, y up, the unit is one cell.

    Cell (x, y) is the unit square around the point (x, y); walls cover whole cells.
    """

    columns: int
    """Number of columns: x of the cells is 0 to columns - 1."""
    rows: int
    """Number of rows: y of the cells is 0 to rows - 1."""
    start: tuple[float, float]
    goal: tuple[float, float]
    goal_radius: float
    obstacle: MazeRectangle
    below_corridor: MazeRectangle
    above_corridor: MazeRectangle
    windy: tuple[float, float]
    """Range of x in which there may be wind."""

    @cached_property
    def walls(self) -> tuple[MazeRectangle, ...]:
        """Everything that must not be touched: the obstacle, the sides of the corridor, the outer walls."""
        left, bottom, right, top = -0.5, -0.5, self.columns - 0.5, self.rows - 0.5
        return (
            self.obstacle,
            self.below_corridor,
            self.above_corridor,
            MazeRectangle(left - THICK, bottom - THICK, left, top + THICK),
            MazeRectangle(right, bottom - THICK, right + THICK, top + THICK),
            MazeRectangle(left, bottom - THICK, right, bottom),
            MazeRectangle(left, top, right, top + THICK),
        )

    def first_touch(self, poses_N2: NDArray[np.float64], moves_N2: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of each straight move at which it first touches a wall, (N,); infinite if it touches none.

        Args:
            poses_N2: start points of the moves, outside of the walls.
            moves_N2: displacements.
        """
        walls_R4 = np.array(self.walls)
        # A move that is zero in x or y divides by zero: it is infinitely far from both edges, on one side or on both. On an edge the
        # quotient is NaN, and in this coordinate the move is within the wall from start to end.
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            to_low_NR2 = (walls_R4[:, :2] - poses_N2[:, None]) / moves_N2[:, None]
            to_high_NR2 = (walls_R4[:, 2:] - poses_N2[:, None]) / moves_N2[:, None]
        enter_NR = np.fmax.reduce(np.minimum(to_low_NR2, to_high_NR2), axis=2, initial=-np.inf)
        leave_NR = np.fmin.reduce(np.maximum(to_low_NR2, to_high_NR2), axis=2, initial=np.inf)
        touches_NR = (enter_NR <= leave_NR) & (enter_NR <= 1.0) & (leave_NR >= 0.0)
        first_N: NDArray[np.float64] = np.where(touches_NR, np.maximum(enter_NR, 0.0), np.inf).min(axis=1)
        return first_N


MAZE_LAYOUT = MazeLayout(
    columns=160,
    rows=51,
    start=(8.0, 25.0),
    goal=(155.0, 25.0),
    goal_radius=2.0,
    obstacle=MazeRectangle(17.5, 13.5, 54.5, 36.5),
    below_corridor=MazeRectangle(69.5, -0.5, 159.5, 17.5),
    above_corridor=MazeRectangle(69.5, 32.5, 159.5, 50.5),
    windy=(114.5, 134.5),
)
"""IIFL's figure 1 shows the maze and gives no numbers: these are ours.

Both paths around the obstacle are equally long and 14 cells wide. They meet 15 cells behind it, in a corridor 15 cells wide, and 45
cells further the wind begins.
"""
