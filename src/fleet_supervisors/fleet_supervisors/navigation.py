"""The scripted supervisor of the maze: around the obstacle, above or below, and along the middle of the corridor.

IIFL section 5.1: the demonstrations go up or down at the fork with equal probability. S state dim, A action dim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from teleop_gui.supervisor import ScriptedSupervisor

if TYPE_CHECKING:
    from numpy.typing import NDArray

STYLES = ("up", "down", "either")
"""The way to take at the fork; either: one of both at random, whenever it comes there."""

MIDDLE_Y = 25
"""Row of the start, the corridor's middle and the goal."""
FORK_X = 15
"""Column in which the robot turns up or down, two cells before the obstacle."""
OBSTACLE_X = 18
"""First column of the obstacle."""
BEHIND_X = 55
"""First column behind the obstacle."""
MEETING_X = 62
"""Column in which both ways come together again."""
CORRIDOR_X = 70
"""First column of the corridor."""
GOAL_X = 155
LANE = 18
"""Rows from the middle to the middle of the ways above and below the obstacle."""
CLEAR = 15
"""Rows from the middle, from which on the obstacle is passed with three cells to spare."""
ENTRANCE = 5
"""Rows from the middle, up to which the corridor is entered."""
LONGEST = 1.0
"""Greatest |dx| and |dy| of an action."""


class NavigationSupervisor(ScriptedSupervisor):
    """`Supervisor` that sees the cell (x, y) of a robot, and nothing else: it does not know of the wind either.

    It remembers nothing: each action starts the way from where the robot is now. A robot that has left the middle row
    before the obstacle has taken its way, as far as `either` is concerned.
    """

    def __init__(self, style: str, generator: np.random.Generator) -> None:
        """`style` is one of `STYLES`; `generator` decides where that leaves the choice."""
        self._style = style
        self._generator = generator

    def act(self, state_S: NDArray[np.float64]) -> NDArray[np.float64]:
        """The displacement (A,), cells: to the next point of the way, as far as one action goes in x and in y."""
        next_2 = np.array(self._next_point(int(state_S[0]), int(state_S[1])), dtype=np.float64)
        return np.clip(next_2 - state_S, -LONGEST, LONGEST)

    def _next_point(self, x: int, y: int) -> tuple[int, int]:
        aside = y - MIDDLE_Y
        if x >= CORRIDOR_X or (x >= BEHIND_X and abs(aside) <= ENTRANCE):
            return GOAL_X, MIDDLE_Y
        if x >= BEHIND_X:
            return MEETING_X, MIDDLE_Y
        if x < FORK_X and abs(aside) < CLEAR:
            return FORK_X, y
        side = self._side(aside) if x < OBSTACLE_X else int(np.sign(aside))
        passes = aside * side >= CLEAR or x >= OBSTACLE_X
        return (BEHIND_X if passes else FORK_X), MIDDLE_Y + side * LANE

    def _side(self, aside: int) -> int:
        """1 to go above the obstacle, -1 to go below."""
        if self._style == "either":
            return int(np.sign(aside) or self._generator.choice([-1, 1]))
        return 1 if self._style == "up" else -1
