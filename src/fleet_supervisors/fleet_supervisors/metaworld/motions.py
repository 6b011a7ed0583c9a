"""How each task is done: the scripts of Meta-World 3.1.1 (metaworld/policies), whose licence, MIT, is in the file LICENSE beside this one.

They are written here again, because stations have no environment with Meta-World; a test compares both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_supervisors.metaworld.scene import Scene


@dataclass(frozen=True)
class Motion:
    """What the hand does at one tick."""

    to_3: NDArray[np.float64]
    """Position for which it heads, m."""
    gain: float
    """Part of the largest step per metre that is left."""
    grip: float
    """Effort with which the fingers close, from -1 to 1."""


def lever_pull(scene: Scene) -> Motion:
    """Reach under the lever and push it up."""
    below_3 = _off(scene.object_3, 0.0, -0.055, 0.0)
    if scene.beside_m(below_3) > 0.02:
        to_3 = _off(below_3, 0.0, 0.0, -0.1)
    elif scene.above_m(below_3) > 0.02:
        to_3 = below_3
    else:
        to_3 = _off(below_3, 0.0, 0.08, 0.02)
    return Motion(to_3, 25.0, 1.0)


def dial_turn(scene: Scene) -> Motion:
    """Go down beside the dial's bar, and push it around."""
    beside_3 = _off(scene.object_3, 0.05, 0.02, 0.09)
    if scene.beside_m(beside_3) > 0.02:
        to_3 = np.array([*beside_3[:2], 0.2])
    elif scene.above_m(beside_3) > 0.02:
        to_3 = beside_3
    else:
        to_3 = _off(beside_3, -0.05, 0.005, 0.0)
    return Motion(to_3, 10.0, 1.0)


def pick_place(scene: Scene) -> Motion:
    """Grasp the puck and carry it to the goal in the air."""
    puck_3 = _off(scene.object_3, -0.005, 0.0, 0.0)
    if scene.beside_m(puck_3) > 0.02:
        to_3 = _off(puck_3, 0.0, 0.0, 0.1)
    elif scene.above_m(puck_3) > 0.05 and puck_3[2] < 0.04:
        to_3 = _off(puck_3, 0.0, 0.0, 0.03)
    elif scene.opening > 0.73:
        to_3 = scene.hand_3
    else:
        to_3 = scene.goal_3
    near = np.linalg.norm(scene.hand_3 - scene.object_3) < 0.07
    return Motion(to_3, 10.0, 1.0 if near else 0.0)


def pick_place_wall(scene: Scene) -> Motion:
    """Grasp the puck and lift it over the wall."""
    puck_3 = _off(scene.object_3, -0.005, 0.0, 0.0)
    x_m, y_m, z_m = scene.hand_3
    at_wall = -0.15 <= x_m <= 0.35 and 0.60 <= y_m <= 0.80
    if scene.beside_m(puck_3) > 0.015:
        to_3 = _off(puck_3, 0.0, 0.0, 0.1)
    elif scene.above_m(puck_3) > 0.04 and puck_3[2] < 0.03:
        to_3 = _off(puck_3, 0.0, 0.0, 0.03)
    elif at_wall and z_m < 0.25:
        to_3 = _off(scene.hand_3, 0.0, 0.0, 1.0)
    elif at_wall and z_m < 0.35:
        to_3 = np.array([*scene.goal_3[:2], z_m])
    elif scene.above_m(scene.goal_3) > 0.01:
        to_3 = np.array([x_m, y_m, scene.goal_3[2]])
    else:
        to_3 = scene.goal_3
    away = scene.beside_m(scene.object_3) > 0.015 or scene.above_m(scene.object_3) > 0.1
    return Motion(to_3, 10.0, 0.0 if away else 0.9)


def basketball(scene: Scene) -> Motion:
    """Grasp the ball, lift it to the height of the hoop, and carry it there."""
    ball_3 = _off(scene.object_3, 0.0, 0.0, 0.01)
    hoop_3 = np.array([scene.goal_3[0], 0.875, 0.35])
    if scene.beside_m(ball_3) > 0.04:
        to_3 = _off(ball_3, 0.0, 0.0, 0.3)
    elif scene.above_m(ball_3) > 0.025:
        to_3 = ball_3
    elif abs(ball_3[2] - hoop_3[2]) > 0.025:
        to_3 = np.array([*scene.hand_3[:2], hoop_3[2]])
    else:
        to_3 = hoop_3
    away = scene.beside_m(scene.object_3) > 0.04 or scene.above_m(scene.object_3) > 0.15
    return Motion(to_3, 25.0, -1.0 if away else 0.6)


def hand_insert(scene: Scene) -> Motion:
    """Grasp the block and lower it into the hole."""
    block_3 = scene.object_3
    if scene.beside_m(block_3) > 0.02:
        to_3 = _off(block_3, 0.0, 0.0, 0.1)
    elif scene.above_m(block_3) > 0.05:
        to_3 = _off(block_3, 0.0, 0.0, 0.03)
    elif scene.beside_m(scene.goal_3) > 0.04:
        to_3 = np.array([*scene.goal_3[:2], scene.hand_3[2]])
    else:
        to_3 = scene.goal_3
    away = scene.beside_m(block_3) > 0.02 or scene.above_m(block_3) > 0.1
    return Motion(to_3, 10.0, 0.0 if away else 0.65)


def _off(point_3: NDArray[np.float64], *offset_3: float) -> NDArray[np.float64]:
    """Return the point at an offset from another one, m."""
    return np.asarray(point_3 + offset_3)
