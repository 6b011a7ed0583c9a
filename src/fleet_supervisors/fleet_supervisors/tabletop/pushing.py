"""How a supervisor pushes a loose object around an obstacle: from behind, along tangents of the obstacle."""

from __future__ import annotations

from math import atan2, cos, pi, sin
from typing import TYPE_CHECKING

import numpy as np

from fleet_supervisors.tabletop.detour import next_point
from fleet_supervisors.tabletop.scene import FINGER_M, Scene, Side, left_of, unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

OBSTACLE_M = {"push_block": 0.035, "push_disc": 0.035, "insert_peg": 0.03}
"""Radius of the obstacle in the middle of the table, by task."""
WIDEST_M = {"push_block": 0.0225 * 2**0.5, "push_disc": 0.028, "insert_peg": 0.02}
"""Largest distance of the object's sides from its centre, by task."""
MARGIN_M = 0.012
"""Distance that the object keeps from the obstacle."""
AROUND_M = 0.014
"""Distance that the finger keeps from the object while it walks around it."""
BEHIND_M = 0.006
"""Distance from the object at which the finger begins to push."""
ALIGNED_M = 0.013
"""Sideways distance from the line of the push up to which the finger pushes."""
STEERING = 4.0
"""Sideways velocity of the finger that pushes, per sideways distance, 1/s."""
PUSH_MPS = 0.08
"""Velocity of pushes."""
SLOT_MOUTH_M, BEFORE_SLOT_M, ENTERS_M = 0.095, 0.034, 0.07
"""Where the slot begins, how far in front of it the peg turns towards it, and from where on the peg is about to enter it."""
IN_LINE_M, FITS_M = 0.004, 0.009
"""Sideways distance from the middle of the slot up to which the peg is pushed towards it, and up to which it goes on when it enters."""


def push(scene: Scene, side: Side) -> NDArray[np.float64]:
    """Return the finger's velocity (2,), m/s, not limited."""
    heading_2 = unit(_next_point(scene, side) - scene.object_2)
    across_2 = left_of(heading_2)
    finger_2 = scene.finger_2 - scene.object_2
    ahead, beside = float(finger_2 @ heading_2), float(finger_2 @ across_2)
    if ahead < 0 and abs(beside) < ALIGNED_M:
        return PUSH_MPS * heading_2 - STEERING * beside * across_2
    return _walk_behind(finger_2, heading_2, WIDEST_M[scene.task] + FINGER_M)


def _walk_behind(finger_2: NDArray[np.float64], heading_2: NDArray[np.float64], reach_m: float) -> NDArray[np.float64]:
    """Return the velocity that leads around the object to the point behind it; the finger's position is relative to the object."""
    behind = atan2(-heading_2[1], -heading_2[0])
    at = atan2(finger_2[1], finger_2[0])
    left = (behind - at + pi) % (2 * pi) - pi
    if abs(left) < 0.5:
        target_2 = -(reach_m + BEHIND_M) * heading_2
    else:
        turned, radius_m = at + float(np.clip(left, -0.5, 0.5)), reach_m + AROUND_M
        target_2 = radius_m * np.array([cos(turned), sin(turned)])
    return (target_2 - finger_2) * 10.0


def _next_point(scene: Scene, side: Side) -> NDArray[np.float64]:
    """Return the point to which the object is to be pushed next."""
    goal_2 = scene.goal_2
    if scene.task == "insert_peg":
        allowed_m = IN_LINE_M if scene.object_2[1] < ENTERS_M else FITS_M
        if abs(scene.object_2[0] - goal_2[0]) > allowed_m and scene.object_2[1] < SLOT_MOUTH_M:
            goal_2 = np.array([goal_2[0], SLOT_MOUTH_M - BEFORE_SLOT_M])
    radius_m = OBSTACLE_M[scene.task] + WIDEST_M[scene.task] + MARGIN_M
    return next_point(scene.object_2, goal_2, scene.obstacle_2, radius_m, side)
