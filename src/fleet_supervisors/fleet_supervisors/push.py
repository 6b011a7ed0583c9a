"""Scripted supervisors of the push cell: two humans who disagree about the way around the obstacle.

IIFL section 5.3: where both ways to the goal are equally long, Human 1 pushes the cube clockwise around the obstacle
and Human 2 counterclockwise; where one is shorter, both take it. S state dim, A action dim, P way points.
"""

from __future__ import annotations

from itertools import pairwise
from math import atan2, hypot, tau
from typing import TYPE_CHECKING

import numpy as np

from teleop_gui.supervisor import ScriptedSupervisor

if TYPE_CHECKING:
    from numpy.typing import NDArray

STYLES = {"clockwise": -1, "counterclockwise": 1}
"""Sense of turning about the obstacle, seen in the camera image (x right, y up)."""
LONGEST_M = 0.05
"""Push of the cell that these sizes are of, m."""
OBSTACLE_HALF_M = 0.05
"""From the origin to a face of the obstacle."""
WORKSPACE_HALF_M = 0.2
"""From the origin to a wall."""
CUBE_HALF_DIAGONAL_M = 0.035 / 2**0.5
"""How far the cube reaches sideways in any yaw."""
MARGIN_M = 0.012
"""Gap that the cube keeps from obstacle and walls."""
SLACK_M = 0.008
"""More than a push usually errs."""
UNDECIDED_RAD = 0.25
"""The ways are about equally long when their angles about the origin differ by no more."""


class PushSupervisor(ScriptedSupervisor):
    """`Supervisor` that sees the contract's observation of a push cell, and nothing else.

    It remembers nothing: each push starts the way that is best from where the cube is now.
    """

    def __init__(self, style: str, longest_m: float = LONGEST_M) -> None:
        """One of `STYLES`, the way to take when both are about equally long.

        `longest_m` is the greatest |dx| and |dy| of a push; all sizes of the cell are in proportion to it.
        """
        self._turn = STYLES[style]
        scale = longest_m / LONGEST_M
        reach_m = CUBE_HALF_DIAGONAL_M + MARGIN_M
        self._inner_m = scale * (OBSTACLE_HALF_M + reach_m)
        self._outer_m = scale * (WORKSPACE_HALF_M - reach_m)
        self._slack_m = scale * SLACK_M
        self._longest_m = longest_m

    def act(self, state_S: NDArray[np.float64]) -> NDArray[np.float64]:
        """The push vector, (A,), m."""
        cube_2, goal_2 = np.asarray(state_S[:2], float), np.asarray(state_S[4:6], float)
        away_2 = self._out_of_tight_place(cube_2)
        if away_2 is not None:
            return away_2
        goal_2 = np.clip(goal_2, -self._outer_m, self._outer_m)
        return self._shortened(self._next_point(cube_2, goal_2) - cube_2)

    def _out_of_tight_place(self, cube_2: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """A push straight away from a wall or the obstacle where the cube is too near to turn, or None.

        A cube that is so near must have a face to it, and a push square to that face does not turn the cube.
        """
        axis = int(np.argmax(np.abs(cube_2)))
        ring_m = abs(cube_2[axis])
        if self._inner_m <= ring_m <= self._outer_m:
            return None
        wanted_m = self._inner_m if ring_m < self._inner_m else self._outer_m
        away_2 = np.zeros(2)
        away_2[axis] = np.copysign(wanted_m, cube_2[axis]) - cube_2[axis]
        away_2[axis] += np.copysign(self._slack_m, away_2[axis])
        return self._shortened(away_2)

    def _next_point(self, cube_2: NDArray[np.float64], goal_2: NDArray[np.float64]) -> NDArray[np.float64]:
        """The goal, or the corner around which the way to it leads."""
        if self._free(cube_2, goal_2):
            return goal_2
        left_rad = (_angle(goal_2) - _angle(cube_2)) % tau
        way = {turn: self._way(cube_2, goal_2, turn) for turn in (1, -1)}
        if abs(left_rad - (tau - left_rad)) <= UNDECIDED_RAD:
            return way[self._turn][1]
        return min(way.values(), key=_length)[1]

    def _way(self, cube_2: NDArray[np.float64], goal_2: NDArray[np.float64], turn: int) -> list[NDArray[np.float64]]:
        """Cube, corners and goal: the shortest way around the obstacle with that sense of turning, (P,) of (2,)."""
        # A little outside, so that a cube that ends a few millimetres beside a corner can still pass it.
        beside = self._inner_m + self._slack_m
        start_rad = _angle(cube_2)
        to_goal_rad = turn * (_angle(goal_2) - start_rad) % tau
        corners = [np.array([x, y]) for x in (-beside, beside) for y in (-beside, beside)]
        ahead = sorted((turn * (_angle(corner) - start_rad) % tau, tuple(corner)) for corner in corners)
        points = [cube_2, *(np.array(corner) for angle_rad, corner in ahead if angle_rad < to_goal_rad), goal_2]
        # Leave out the first corners, if the cube can already pass them, and the last, if they do not hide the goal.
        while len(points) > 2 and self._free(points[0], points[2]):
            del points[1]
        while len(points) > 2 and self._free(points[-3], points[-1]):
            del points[-2]
        return points

    def _free(self, start_2: NDArray[np.float64], end_2: NDArray[np.float64]) -> bool:
        """Whether the straight way stays out of the square about the obstacle that the cube's centre must not enter."""
        along_2 = end_2 - start_2
        inner = self._inner_m * (1 - 1e-9)
        enter, leave = 0.0, 1.0
        for axis in range(2):
            if along_2[axis] == 0.0:
                if abs(start_2[axis]) >= inner:
                    return True
                continue
            first, last = sorted(((side - start_2[axis]) / along_2[axis]) for side in (-inner, inner))
            enter, leave = max(enter, first), min(leave, last)
        return enter >= leave

    def _shortened(self, vector_2: NDArray[np.float64]) -> NDArray[np.float64]:
        """The vector in its direction, no component beyond what one push can do."""
        longest = float(np.max(np.abs(vector_2)))
        if longest == 0.0:
            return np.zeros(2)
        # Clipped too, because the product may be a rounding error beyond the range.
        return np.clip(vector_2 * min(1.0, self._longest_m / longest), -self._longest_m, self._longest_m)


def _angle(point_2: NDArray[np.float64]) -> float:
    """About the origin, counterclockwise, in (-pi, pi]."""
    return atan2(point_2[1], point_2[0])


def _length(way: list[NDArray[np.float64]]) -> float:
    return sum(hypot(*(end_2 - start_2)) for start_2, end_2 in pairwise(way))
