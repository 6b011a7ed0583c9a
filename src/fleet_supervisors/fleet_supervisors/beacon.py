"""The scripted supervisor of mobile bases: straight to the beacon, and around what is in the way.

S state dim, A action dim, R ranges.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from teleop_gui.supervisor import ScriptedSupervisor

if TYPE_CHECKING:
    from numpy.typing import NDArray

STYLES = {"left": 1, "right": -1}
"""The side on which an obstacle is passed where both are as good."""
HEADINGS_R = np.radians([60.0, 30.0, 0.0, -30.0, -60.0])
"""Where the ranges are measured, from the left to the right."""
FASTEST_M_PER_S, SHARPEST_RAD_PER_S = 0.8, 2.5
TICK_S = 0.2
CLOSE_M = 0.12
"""Range at which what is there is avoided by a third of the way round that what is touched would be."""
AVOIDING_RAD = 1.6
"""How far the base turns away from what it would touch."""
UNDECIDED_M = 0.3
"""The sides are about as free where their ranges differ by no more."""


class BeaconSupervisor(ScriptedSupervisor):
    """`Supervisor` that sees how far the beacon is ahead and to the left, and the ranges."""

    def __init__(self, style: str) -> None:
        """`style` is one of `STYLES`."""
        self._side = STYLES[style]

    def act(self, state_S: NDArray[np.float64]) -> NDArray[np.float64]:
        """Speed, m/s, and rate of turning, rad/s, (A,)."""
        distance_m = float(np.hypot(*state_S[:2]))
        bearing_rad = math.atan2(state_S[1], state_S[0])
        # What is behind the beacon is not in the way.
        ranges_R = np.where(state_S[2:7] > distance_m, np.inf, state_S[2:7])
        heading_rad = bearing_rad
        if abs(bearing_rad) < math.pi / 2:
            heading_rad += float(self._sides(ranges_R) @ (AVOIDING_RAD * np.exp(-ranges_R / CLOSE_M)))
        turn = np.clip(heading_rad / TICK_S / 1.5, -SHARPEST_RAD_PER_S, SHARPEST_RAD_PER_S)
        ahead_m = min(distance_m, float(ranges_R[2]))
        speed = min(FASTEST_M_PER_S * max(0.0, math.cos(heading_rad)) ** 2, ahead_m / TICK_S / 2)
        return np.array([speed, turn])

    def _sides(self, ranges_R: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where to turn for what each range sees: 1 to the left, -1 to the right."""
        freer_m = np.exp(-ranges_R[3:]).sum() - np.exp(-ranges_R[:2]).sum()
        ahead = self._side if abs(freer_m) < UNDECIDED_M else np.sign(freer_m)
        return np.array([-0.5, -1.0, ahead, 1.0, 0.5])
