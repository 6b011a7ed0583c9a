"""How a supervisor turns a lever: by pushing one of its arms from the side."""

from __future__ import annotations

from math import atan2, cos, pi, sin
from typing import TYPE_CHECKING

import numpy as np

from fleet_supervisors.tabletop.scene import FINGER_M, Scene, Side, left_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

ARM_M, HALF_M = 0.09, 0.009
"""Length of the lever's arms from the pivot, and half their thickness."""
HOLD_M = 0.068
"""Where the finger pushes an arm, from the pivot."""
CLEAR_M = HALF_M + FINGER_M + 0.012
"""Distance from the middle of the lever at which the finger passes it."""
BEYOND_M = ARM_M + FINGER_M + 0.02
"""Distance from the pivot at which the finger passes the end of an arm."""
PUSH_MPS = 0.08
"""Velocity of pushes."""


def turn_lever(scene: Scene, side: Side) -> NDArray[np.float64]:
    """Return the velocity (2,), m/s, not limited. "left" pushes the arm with the coloured tip, "right" the other one."""
    along_2 = np.array([cos(scene.yaw), sin(scene.yaw)])
    pivot_2 = scene.object_2 - ARM_M * along_2
    to_goal_2 = scene.goal_2 - pivot_2
    turn = (atan2(to_goal_2[1], to_goal_2[0]) - scene.yaw + pi) % (2 * pi) - pi
    arm_2 = along_2 if side == "left" else -along_2
    # Pushing an arm towards `forward` turns the lever towards the goal.
    forward_2 = np.sign(turn or 1.0) * left_of(arm_2)
    finger_2 = scene.finger_2 - pivot_2
    out, ahead = float(finger_2 @ arm_2), float(finger_2 @ forward_2)
    wanted_out, wanted_ahead = _next(out, ahead)
    return np.asarray((wanted_out - out) * 10.0 * arm_2 + (wanted_ahead - ahead) * 10.0 * forward_2)


def _next(out: float, ahead: float) -> tuple[float, float]:
    """Return where the finger goes next: its distance from the pivot along the arm, and from the arm in the direction of the push."""
    behind = ahead < -HALF_M
    end = BEYOND_M if out >= 0.0 else -BEYOND_M
    if behind and abs(out - HOLD_M) < 0.015:
        return HOLD_M, ahead + PUSH_MPS / 10
    if ahead < -CLEAR_M + 0.006:
        return HOLD_M, min(ahead, -CLEAR_M)
    if abs(out) > BEYOND_M - 0.006:
        return end, -CLEAR_M
    if behind:
        return out, -CLEAR_M
    return end, max(ahead, CLEAR_M)
