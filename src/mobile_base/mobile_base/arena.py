"""A walled arena with obstacles and a beacon, and a base with two wheels in it.

Lengths are in m and angles in rad; the origin is the centre of the arena. R sonars, K obstacles.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

HALF_M = 1.5
"""Distance from the centre to a wall."""
OBSTACLES_K3 = np.array([(-0.55, 0.35, 0.28), (0.6, 0.55, 0.22), (0.25, -0.6, 0.3)])
"""Round obstacles: x, y, radius."""
BASE_RADIUS_M = 0.12
TRACK_M = 0.2
"""Distance between the wheels."""
BEACON_RADIUS_M = 0.2
"""Distance of the base's centre at which a beacon is reached."""
NEAREST_M = 1.0
"""Least distance of a new beacon."""
SONARS_RAD = np.radians([60.0, 30.0, 0.0, -30.0, -60.0])
"""Headings of the sonars, from left to right."""
CONE_RAD = np.radians([-12.0, 0.0, 12.0])
"""Angles of the rays of one sonar, which measures the shortest of them."""


class Arena:
    """The base and its world. A base that touches something stays there until it is put back."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self.wheels_rad = np.zeros(2)
        """Angles of the left and the right wheel."""
        self.put_back()

    def put_back(self) -> None:
        """Put the base at a random free position, and light a beacon."""
        self.position_2 = self._free_position()
        self.heading_rad = float(self._rng.uniform(-math.pi, math.pi))
        self.bumped = False
        self.light_beacon()

    def light_beacon(self) -> None:
        """Light a beacon at a random free position that is not too near."""
        self.beacon_2 = self._free_position()
        while np.hypot(*(self.beacon_2 - self.position_2)) < NEAREST_M:
            self.beacon_2 = self._free_position()

    def drive(self, speed: float, turn: float, seconds: float) -> None:
        """Drive at a speed, m/s, and a yaw rate, rad/s, for some seconds."""
        if self.bumped:
            return
        middle_rad = self.heading_rad + turn * seconds / 2
        self.position_2 = self.position_2 + speed * seconds * np.array([math.cos(middle_rad), math.sin(middle_rad)])
        self.heading_rad = math.remainder(self.heading_rad + turn * seconds, math.tau)
        self.wheels_rad = self.wheels_rad + (speed + turn * TRACK_M / 2 * np.array([-1, 1])) * seconds / 0.04
        self.bumped = self._clearance(self.position_2) <= BASE_RADIUS_M

    @property
    def at_beacon(self) -> bool:
        """Whether the base is at the beacon."""
        return bool(np.hypot(*(self.beacon_2 - self.position_2)) < BEACON_RADIUS_M)

    @property
    def beacon_in_base_2(self) -> NDArray[np.float64]:
        """The position of the beacon in the base's frame: ahead, to the left."""
        return self.in_base_frame(self.beacon_2)

    @property
    def ranges(self) -> NDArray[np.float64]:
        """The ranges of the sonars, (R,), from the base's edge."""
        angles_R3 = self.heading_rad + SONARS_RAD[:, None] + CONE_RAD
        directions_R32 = np.stack([np.cos(angles_R3), np.sin(angles_R3)], axis=-1)
        return np.asarray(self._free_distance(directions_R32).min(axis=-1) - BASE_RADIUS_M)

    def in_base_frame(self, point_2: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a point of the arena in the base's frame: ahead, to the left."""
        offset_2, cos, sin = point_2 - self.position_2, math.cos(self.heading_rad), math.sin(self.heading_rad)
        return np.array([cos * offset_2[0] + sin * offset_2[1], -sin * offset_2[0] + cos * offset_2[1]])

    def _free_position(self) -> NDArray[np.float64]:
        """Return a random position from which the base can turn and drive in any direction."""
        while True:
            position_2 = self._rng.uniform(-HALF_M, HALF_M, 2)
            if self._clearance(position_2) > 2 * BASE_RADIUS_M:
                return position_2

    @staticmethod
    def _clearance(position_2: NDArray[np.float64]) -> float:
        to_obstacles_K = np.hypot(*(OBSTACLES_K3[:, :2] - position_2).T) - OBSTACLES_K3[:, 2]
        return float(min(HALF_M - np.abs(position_2).max(), to_obstacles_K.min()))

    def _free_distance(self, directions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distances (...) along directions (..., 2) to a wall or an obstacle."""
        with np.errstate(divide="ignore"):
            to_walls = ((np.copysign(HALF_M, directions) - self.position_2) / directions).min(axis=-1)
        from_base_K2 = OBSTACLES_K3[:, :2] - self.position_2
        along_K = directions @ from_base_K2.T
        aside_K = np.sqrt(np.maximum((from_base_K2**2).sum(axis=1) - along_K**2, 0))
        half_K = np.sqrt(np.maximum(OBSTACLES_K3[:, 2] ** 2 - aside_K**2, 0))
        hit_K = (aside_K < OBSTACLES_K3[:, 2]) & (along_K > 0)
        to_obstacles = np.where(hit_K, along_K - half_K, np.inf).min(axis=-1)
        return np.asarray(np.minimum(to_walls, to_obstacles))
