"""The scripted supervisor of the maze: it drives around the obstacle, above or below, and along the middle of the corridor.

IIFL section 5.1: the demonstrations go up or down at the fork with equal probability. S state dim, A action dim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from teleop_gui.supervisor import ScriptedSupervisor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_supervisors.supervisor_request import SupervisorRequest

STYLES = ("up", "down", "either")
"""Paths to take at the fork; "either" takes one at random whenever it arrives there."""

MIDDLE_Y = 25
"""Row of the start, the corridor's middle and the goal."""
FORK_X = 15
"""Column in which the robot turns up or down, two cells before the obstacle."""
OBSTACLE_X = 18
"""First column of the obstacle."""
BEHIND_X = 55
"""First column behind the obstacle."""
MEETING_X = 62
"""Column in which both paths meet again."""
CORRIDOR_X = 70
"""First column of the corridor."""
GOAL_X = 155
"""Column of the goal."""
LANE = 18
"""Rows from the middle row to the middles of the paths above and below the obstacle."""
CLEAR = 15
"""Rows from the middle row at which the obstacle is passed at a distance of three cells or more."""
ENTRANCE = 5
"""Rows from the middle row up to which the corridor is entered directly."""
MAX_STEP = 1.0
"""Greatest |dx| and |dy| of an action."""


class NavigationSupervisor(ScriptedSupervisor):
    """Observes the cell (x, y) of a robot only; it does not know about the wind.

    It is stateless: each action plans the path from the present cell. For "either", a robot that has left the middle row before the
    obstacle has chosen its path.
    """

    def __init__(self, request: SupervisorRequest) -> None:
        """Take the path of the style, one of `STYLES`; "either" draws its choices from the request's generator."""
        self._style = request.style
        self._generator = request.generator

    @override
    def act(self, state_S: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the displacement (A,), cells, towards the next waypoint, clipped to one action in x and y."""
        waypoint_2 = np.array(self._next_waypoint(int(state_S[0]), int(state_S[1])), dtype=np.float64)
        return np.clip(waypoint_2 - state_S, -MAX_STEP, MAX_STEP)

    def _next_waypoint(self, x: int, y: int) -> tuple[int, int]:
        offset_y = y - MIDDLE_Y
        if x >= CORRIDOR_X or (x >= BEHIND_X and abs(offset_y) <= ENTRANCE):
            return GOAL_X, MIDDLE_Y
        if x >= BEHIND_X:
            return MEETING_X, MIDDLE_Y
        if x < FORK_X and abs(offset_y) < CLEAR:
            return FORK_X, y
        side = self._side(offset_y) if x < OBSTACLE_X else int(np.sign(offset_y))
        passes = offset_y * side >= CLEAR or x >= OBSTACLE_X
        return (BEHIND_X if passes else FORK_X), MIDDLE_Y + side * LANE

    def _side(self, offset_y: int) -> int:
        """Return 1 to pass above the obstacle, -1 to pass below."""
        if self._style == "either":
            return int(np.sign(offset_y) or self._generator.choice([-1, 1]))
        return 1 if self._style == "up" else -1
