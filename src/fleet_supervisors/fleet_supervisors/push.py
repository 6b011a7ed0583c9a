"""Scripted supervisors of the push cell: two humans who disagree about the path around the obstacle.

IIFL section 5.3: if both paths to the goal are equally long, Human 1 pushes the cube clockwise around the obstacle and Human 2
counterclockwise; if one is shorter, both take it. S state dim, A action dim, P waypoints.
"""

from __future__ import annotations

from itertools import pairwise
from math import atan2, hypot, tau
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from teleop_gui.supervisor import ScriptedSupervisor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_supervisors.supervisor_request import SupervisorRequest

STYLES = {"clockwise": -1, "counterclockwise": 1}
"""Direction of rotation around the obstacle in the camera image (x right, y up), by style."""
LONGEST_M = 0.05
"""Longest push, m, in the cell whose sizes are given here."""
OBSTACLE_HALF_M = 0.05
"""Distance from the origin to a face of the obstacle."""
WORKSPACE_HALF_M = 0.2
"""Distance from the origin to a wall."""
CUBE_HALF_DIAGONAL_M = 0.035 / 2**0.5
"""Largest reach of the cube sideways at any yaw."""
MARGIN_M = 0.012
"""Distance that the cube keeps from obstacle and walls."""
SLACK_M = 0.008
"""Tolerance for errors of pushes, larger than usual errors."""
UNDECIDED_RAD = 0.25
"""Difference of angles around the origin up to which both paths are equally long."""


class PushSupervisor(ScriptedSupervisor):
    """Observes what the contract of a push cell defines, and nothing else.

    It is stateless: each push plans the best path from the present position of the cube.
    """

    def __init__(self, request: SupervisorRequest) -> None:
        """Take the path of the style, one of `STYLES`, if both are equally long.

        All sizes of the cell are proportional to the longest push of the contract, the largest |dx| and |dy|.
        """
        self._turn = STYLES[request.style]
        longest_m = float(request.contract.action_high_A[0])
        scale = longest_m / LONGEST_M
        reach_m = CUBE_HALF_DIAGONAL_M + MARGIN_M
        self._inner_m = scale * (OBSTACLE_HALF_M + reach_m)
        self._outer_m = scale * (WORKSPACE_HALF_M - reach_m)
        self._slack_m = scale * SLACK_M
        self._longest_m = longest_m

    @override
    def act(self, state_S: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the push vector, (A,), m."""
        cube_2, goal_2 = np.asarray(state_S[:2], float), np.asarray(state_S[4:6], float)
        away_2 = self._push_away(cube_2)
        if away_2 is not None:
            return away_2
        goal_2 = np.clip(goal_2, -self._outer_m, self._outer_m)
        return self._shortened(self._next_waypoint(cube_2, goal_2) - cube_2)

    def _push_away(self, cube_2: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return a push straight away from a wall or the obstacle if the cube is too near to it, or None.

        A cube that is so near has a face towards it, and a push perpendicular to that face does not rotate the cube.
        """
        axis = int(np.argmax(np.abs(cube_2)))
        ring_m = abs(cube_2[axis])
        if self._inner_m <= ring_m <= self._outer_m:
            return None
        target_m = self._inner_m if ring_m < self._inner_m else self._outer_m
        away_2 = np.zeros(2)
        away_2[axis] = np.copysign(target_m, cube_2[axis]) - cube_2[axis]
        away_2[axis] += np.copysign(self._slack_m, away_2[axis])
        return self._shortened(away_2)

    def _next_waypoint(self, cube_2: NDArray[np.float64], goal_2: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the next waypoint: the goal, or a corner on the path to it."""
        if self._free(cube_2, goal_2):
            return goal_2
        left_rad = (_angle(goal_2) - _angle(cube_2)) % tau
        paths = {turn: self._path(cube_2, goal_2, turn) for turn in (1, -1)}
        if abs(left_rad - (tau - left_rad)) <= UNDECIDED_RAD:
            return paths[self._turn][1]
        return min(paths.values(), key=_length)[1]

    def _path(self, cube_2: NDArray[np.float64], goal_2: NDArray[np.float64], turn: int) -> list[NDArray[np.float64]]:
        """Return cube, corners and goal of the shortest path around the obstacle in a direction of rotation, (P,) of (2,)."""
        # Corners have a margin, so that a cube that misses one by a few millimetres can still pass it.
        beside = self._inner_m + self._slack_m
        start_rad = _angle(cube_2)
        to_goal_rad = turn * (_angle(goal_2) - start_rad) % tau
        corners = [np.array([x, y]) for x in (-beside, beside) for y in (-beside, beside)]
        ahead = sorted((turn * (_angle(corner) - start_rad) % tau, tuple(corner)) for corner in corners)
        points = [cube_2, *(np.array(corner) for angle_rad, corner in ahead if angle_rad < to_goal_rad), goal_2]
        # Remove first corners that the cube can already pass, and last corners that are not between the cube and the goal.
        while len(points) > 2 and self._free(points[0], points[2]):
            del points[1]
        while len(points) > 2 and self._free(points[-3], points[-1]):
            del points[-2]
        return points

    def _free(self, start_2: NDArray[np.float64], end_2: NDArray[np.float64]) -> bool:
        """Return whether the straight path stays outside of the square around the obstacle that the cube's centre must not enter."""
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
        """Return the vector scaled down so that no component exceeds one push."""
        longest = float(np.max(np.abs(vector_2)))
        if longest == 0.0:
            return np.zeros(2)
        # Clipped as well, because the product may exceed the range by a rounding error.
        return np.clip(vector_2 * min(1.0, self._longest_m / longest), -self._longest_m, self._longest_m)


def _angle(point_2: NDArray[np.float64]) -> float:
    """Return the angle around the origin, counterclockwise, in (-pi, pi]."""
    return atan2(point_2[1], point_2[0])


def _length(path: list[NDArray[np.float64]]) -> float:
    return sum(hypot(*(end_2 - start_2)) for start_2, end_2 in pairwise(path))
