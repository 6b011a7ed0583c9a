"""A walled arena with obstacles and a beacon, and a base with two wheels in it.

Lengths in m, angles in rad; x and y from the arena's middle. R rays, K obstacles.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

HALF_M = 1.5
OBSTACLES_K3 = np.array([(-0.55, 0.35, 0.28), (0.6, 0.55, 0.22), (0.25, -0.6, 0.3)])
"""Discs: x, y, radius."""
BASE_RADIUS_M = 0.12
TRACK_M = 0.2
"""Between the wheels."""
BEACON_RADIUS_M = 0.2
"""How near the base's middle must come."""
NEAREST_M = 1.0
"""Of a new beacon."""
SONARS_RAD = np.radians([60.0, 30.0, 0.0, -30.0, -60.0])
"""Where the sonars look, from the left to the right."""
CONE_RAD = np.radians([-12.0, 0.0, 12.0])
"""Rays of one sonar."""


class Arena:
    """Whoever touches something stays where it is until a person puts it elsewhere; each beacon reached lights another."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self.wheels_rad = np.zeros(2)
        """How far the wheels have turned, left and right."""
        self.put_back()

    def put_back(self) -> None:
        """A person carries the base to a free place."""
        self.place_2 = self._free_place()
        self.heading_rad = float(self._rng.uniform(-math.pi, math.pi))
        self.bumped = False
        self.light_another()

    def light_another(self) -> None:
        """Another beacon, not too near."""
        self.beacon_2 = self._free_place()
        while np.hypot(*(self.beacon_2 - self.place_2)) < NEAREST_M:
            self.beacon_2 = self._free_place()

    def drive(self, speed: float, turn: float, seconds: float) -> None:
        """Both wheels at these rates, m/s and rad/s, for a moment."""
        if self.bumped:
            return
        middle_rad = self.heading_rad + turn * seconds / 2
        self.place_2 = self.place_2 + speed * seconds * np.array([math.cos(middle_rad), math.sin(middle_rad)])
        self.heading_rad = math.remainder(self.heading_rad + turn * seconds, math.tau)
        self.wheels_rad = self.wheels_rad + (speed + turn * TRACK_M / 2 * np.array([-1, 1])) * seconds / 0.04
        self.bumped = self._clearance(self.place_2) <= BASE_RADIUS_M

    @property
    def at_beacon(self) -> bool:
        """Whether the base is at the beacon."""
        return bool(np.hypot(*(self.beacon_2 - self.place_2)) < BEACON_RADIUS_M)

    @property
    def seen_beacon_2(self) -> NDArray[np.float64]:
        """The beacon as the base sees it: ahead, to the left."""
        return self.seen_from_base(self.beacon_2)

    @property
    def ranges(self) -> NDArray[np.float64]:
        """What the sonars measure, (R,), from the base's rim."""
        angles_R3 = self.heading_rad + SONARS_RAD[:, None] + CONE_RAD
        ways_R32 = np.stack([np.cos(angles_R3), np.sin(angles_R3)], axis=-1)
        return np.asarray(self._free_way(ways_R32).min(axis=-1) - BASE_RADIUS_M)

    def seen_from_base(self, point_2: NDArray[np.float64]) -> NDArray[np.float64]:
        """A point of the arena: how far ahead, and how far to the left."""
        away_2, cos, sin = point_2 - self.place_2, math.cos(self.heading_rad), math.sin(self.heading_rad)
        return np.array([cos * away_2[0] + sin * away_2[1], -sin * away_2[0] + cos * away_2[1]])

    def _free_place(self) -> NDArray[np.float64]:
        """Where the base can turn, and drive off in any direction."""
        while True:
            place_2 = self._rng.uniform(-HALF_M, HALF_M, 2)
            if self._clearance(place_2) > 2 * BASE_RADIUS_M:
                return place_2

    @staticmethod
    def _clearance(place_2: NDArray[np.float64]) -> float:
        to_obstacles_K = np.hypot(*(OBSTACLES_K3[:, :2] - place_2).T) - OBSTACLES_K3[:, 2]
        return float(min(HALF_M - np.abs(place_2).max(), to_obstacles_K.min()))

    def _free_way(self, ways: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far it is along directions (..., 2) to a wall or an obstacle."""
        with np.errstate(divide="ignore"):
            to_walls = ((np.copysign(HALF_M, ways) - self.place_2) / ways).min(axis=-1)
        from_base_K2 = OBSTACLES_K3[:, :2] - self.place_2
        along_K = ways @ from_base_K2.T
        aside_K = np.sqrt(np.maximum((from_base_K2**2).sum(axis=1) - along_K**2, 0))
        half_K = np.sqrt(np.maximum(OBSTACLES_K3[:, 2] ** 2 - aside_K**2, 0))
        hit_K = (aside_K < OBSTACLES_K3[:, 2]) & (along_K > 0)
        to_obstacles = np.where(hit_K, along_K - half_K, np.inf).min(axis=-1)
        return np.asarray(np.minimum(to_walls, to_obstacles))
