"""How a supervisor opens a drawer, by pulling the bar of its handle from behind, and closes it, by pushing the bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fleet_supervisors.tabletop.detour import next_point
from fleet_supervisors.tabletop.scene import FINGER_M, Scene, Side

if TYPE_CHECKING:
    from numpy.typing import NDArray

BAR_HALF_M = 0.048
"""Half the length of the handle's bar."""
POST_M, MARGIN_M = 0.016, 0.012
"""Radius of the post, and the distance that the finger keeps from it."""
BEHIND_M = 0.022
"""Distance of the middle of the space behind the bar from the bar."""
HOLD_M = 0.028
"""Where the finger takes hold of the bar, from its middle."""
BESIDE_M = BAR_HALF_M + FINGER_M + 0.012
"""Where the finger passes the bar, from its middle."""
CLEAR_M = 0.03
"""Distance in front of the bar from which the finger may walk sideways."""
NEAR_M = 0.036
"""Distance in front of the bar from which the finger no longer has to go around the post."""
PULL_MPS = 0.08
"""Velocity of pulls and pushes."""


def open_drawer(scene: Scene, side: Side) -> NDArray[np.float64]:
    """Return the velocity (2,), m/s, not limited: beside the bar, behind it, then out."""
    sign = -1.0 if side == "left" else 1.0
    x, y = scene.finger_2 - scene.object_2
    beside = x * sign
    if FINGER_M < y < BEHIND_M + 0.012 and 0.0 < beside < BAR_HALF_M - 0.006:
        return np.array([(sign * HOLD_M - x) * 2.0, -PULL_MPS])
    if abs(y - BEHIND_M) < 0.006 and beside > 0.0:
        return np.array([sign * HOLD_M - x, BEHIND_M - y]) * 10.0
    if beside > BESIDE_M - 0.006 and y > -NEAR_M:
        return np.array([sign * BESIDE_M - x, BEHIND_M - y]) * 10.0
    return _walk(scene, np.array([sign * BESIDE_M, -CLEAR_M]), side)


def close_drawer(scene: Scene, side: Side) -> NDArray[np.float64]:
    """Return the velocity (2,), m/s, not limited: in front of the bar, then in."""
    sign = -1.0 if side == "left" else 1.0
    x, y = scene.finger_2 - scene.object_2
    if -NEAR_M < y < -FINGER_M and abs(x - sign * HOLD_M) < 0.01:
        return np.array([(sign * HOLD_M - x) * 2.0, PULL_MPS])
    if y > -CLEAR_M and abs(x) < BESIDE_M - 0.006:
        return np.array([0.0, -0.12])
    if y > -CLEAR_M:
        return np.array([0.0, -CLEAR_M - y - 0.005]) * 10.0
    return _walk(scene, np.array([sign * HOLD_M, -CLEAR_M]), side)


def _walk(scene: Scene, beside_bar_2: NDArray[np.float64], side: Side) -> NDArray[np.float64]:
    """Return the velocity (2,), m/s, that leads around the post to a point relative to the bar."""
    target_2 = scene.object_2 + beside_bar_2
    return (
        next_point(scene.finger_2, target_2, scene.obstacle_2, POST_M + FINGER_M + MARGIN_M, side) - scene.finger_2
    ) * 10.0
