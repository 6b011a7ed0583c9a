"""How each task of Meta-World is done: reach the object from above, then move it.

Offsets, distances and efforts are figures of Meta-World 3.1.1's scripted experts (metaworld/policies); lengths are in metres.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet_supervisors.metaworld.scene import Scene

Waypoint = Callable[[Scene, NDArray[np.float64]], NDArray[np.float64]]
"""Takes the scene and the place on the object where the hand takes hold; returns a position for the hand."""
WALL_X, WALL_Y = (-0.15, 0.35), (0.60, 0.80)
"""Ranges in which the hand may hit the wall."""
CLEAR_Z, ABOVE_WALL_Z = 0.25, 0.35
"""Heights at which the hand no longer rises straight up beside the wall, and at which it is above the wall."""
HOOP_Y, HOOP_Z = 0.875, 0.35
"""Where the ball falls into the hoop."""


@dataclass(frozen=True)
class Plan:
    """The three parts of a task, and when the fingers close."""

    hold_at: tuple[float, float, float]
    """Where the hand takes hold, from the object's position."""
    travel: Waypoint
    """Position from which the hand reaches down or up to the object."""
    beside_m: float
    """Horizontal distance from there at which it does so."""
    reached_m: float
    """Vertical distance at which it has reached the object."""
    then: Waypoint
    """Where the hand goes once it has reached the object."""
    reach: float = 0.0
    """Height above the place of holding for which it heads on the way."""
    lifted_z: float = np.inf
    """Height of the place of holding at which the object is in the hand, however far the hand is from it."""
    gain: float = 10.0
    """Part of the largest step per metre that is left."""
    closed: float = 1.0
    """Effort with which the fingers close, from -1 to 1."""
    open: float = 1.0
    """The same while they are away from the object."""
    near_m: tuple[float, float] = (0.02, 0.1)
    """Horizontal and vertical distance from the object at which they close."""

    def next_position(self, scene: Scene) -> NDArray[np.float64]:
        """Return the position for which the hand heads."""
        hold_3 = scene.object_3 + self.hold_at
        if scene.beside_m(hold_3) > self.beside_m:
            return self.travel(scene, hold_3)
        if scene.above_m(hold_3) > self.reached_m and hold_3[2] < self.lifted_z:
            return _raised(hold_3, self.reach)
        return self.then(scene, hold_3)

    def grip(self, scene: Scene) -> float:
        """Return the effort of the fingers."""
        beside_m, above_m = self.near_m
        near = scene.beside_m(scene.object_3) <= beside_m and scene.above_m(scene.object_3) <= above_m
        return self.closed if near else self.open


def _raised(point_3: NDArray[np.float64], height: float) -> NDArray[np.float64]:
    return np.asarray(point_3 + np.array([0.0, 0.0, height]))


def _above(height: float) -> Waypoint:
    return lambda _, hold_3: _raised(hold_3, height)


def _from(offset_3: tuple[float, float, float]) -> Waypoint:
    return lambda _, hold_3: np.asarray(hold_3 + offset_3)


def _carry(scene: Scene, _: NDArray[np.float64]) -> NDArray[np.float64]:
    """Wait until the fingers are closed, then go to the goal."""
    return scene.hand_3 if scene.opening > 0.73 else scene.goal_3


def _over_the_wall(scene: Scene, _: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rise beside the wall, cross it, and go down behind it."""
    x, y, z = scene.hand_3
    if WALL_X[0] <= x <= WALL_X[1] and WALL_Y[0] <= y <= WALL_Y[1]:
        if z < CLEAR_Z:
            return _raised(scene.hand_3, 1.0)
        if z < ABOVE_WALL_Z:
            return np.array([*scene.goal_3[:2], z])
    return scene.goal_3 if scene.above_m(scene.goal_3) <= 0.01 else np.array([x, y, scene.goal_3[2]])


def _throw(scene: Scene, hold_3: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lift the ball to the height of the hoop, then carry it there."""
    lifted = abs(hold_3[2] - HOOP_Z) <= 0.025
    return np.array([scene.goal_3[0], HOOP_Y, HOOP_Z] if lifted else [*scene.hand_3[:2], HOOP_Z])


def _lower(scene: Scene, _: NDArray[np.float64]) -> NDArray[np.float64]:
    """Carry the block over the hole, then into it."""
    over = scene.beside_m(scene.goal_3) <= 0.04
    return scene.goal_3 if over else np.array([*scene.goal_3[:2], scene.hand_3[2]])


PLANS: Mapping[str, Plan] = {
    "lever_pull": Plan((0.0, -0.055, 0.0), _above(-0.1), 0.02, 0.02, _from((0.0, 0.08, 0.02)), gain=25.0),
    "dial_turn": Plan(
        (0.05, 0.02, 0.09), lambda _, hold_3: np.array([*hold_3[:2], 0.2]), 0.02, 0.02, _from((-0.05, 0.005, 0.0))
    ),
    "pick_place": Plan(
        (-0.005, 0.0, 0.0), _above(0.1), 0.02, 0.05, _carry, reach=0.03, lifted_z=0.04, open=0.0, near_m=(0.05, 0.05)
    ),
    "pick_place_wall": Plan(
        (-0.005, 0.0, 0.0),
        _above(0.1),
        0.015,
        0.04,
        _over_the_wall,
        reach=0.03,
        lifted_z=0.03,
        closed=0.9,
        open=0.0,
        near_m=(0.015, 0.1),
    ),
    "basketball": Plan(
        (0.0, 0.0, 0.01), _above(0.3), 0.04, 0.025, _throw, gain=25.0, closed=0.6, open=-1.0, near_m=(0.04, 0.15)
    ),
    "hand_insert": Plan((0.0, 0.0, 0.0), _above(0.1), 0.02, 0.05, _lower, reach=0.03, closed=0.65, open=0.0),
}
"""Plans by task."""
