"""The scripted supervisor of mobile bases: it drives straight to the beacon and around obstacles.

S state dim, A action dim, R ranges.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from teleop_gui.supervisor import ScriptedSupervisor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_supervisors.supervisor_request import SupervisorRequest

STYLES = {"left": 1, "right": -1}
"""Side on which an obstacle is passed if both sides are equally free: 1 is left, -1 is right."""
HEADINGS_R = np.radians([60.0, 30.0, 0.0, -30.0, -60.0])
"""Headings in which the ranges are measured, from left to right, radians."""
FASTEST_M_PER_S, BACKWARDS_M_PER_S, SHARPEST_RAD_PER_S = 0.8, 0.4, 2.5
"""Largest speed ahead and backwards, and largest yaw rate."""
TICK_S = 0.2
"""Duration of a tick."""
CLOSE_M = 0.12
"""Decay length of avoidance: at this range an obstacle turns the base by 1/e of what it would at range zero."""
AVOIDING_RAD = 1.6
"""Angle by which an obstacle at range zero turns the base."""
UNDECIDED_M = 0.3
"""Difference of ranges up to which the sides are equally free."""


class BeaconSupervisor(ScriptedSupervisor):
    """Observes the beacon's position ahead and to the left, m, and the ranges, m."""

    def __init__(self, request: SupervisorRequest) -> None:
        """Pass obstacles on the side of the style, one of `STYLES`."""
        self._side = STYLES[request.style]

    @override
    def act(self, state_S: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return speed, m/s, and yaw rate, rad/s, (A,)."""
        distance_m = float(np.hypot(*state_S[:2]))
        bearing_rad = math.atan2(state_S[1], state_S[0])
        # Obstacles behind the beacon are not in the way.
        ranges_R = np.where(state_S[2:7] > distance_m, np.inf, state_S[2:7])
        heading_rad = bearing_rad
        if abs(bearing_rad) < math.pi / 2:
            heading_rad += float(self._sides(ranges_R) @ (AVOIDING_RAD * np.exp(-ranges_R / CLOSE_M)))
        turn = np.clip(heading_rad / TICK_S / 1.5, -SHARPEST_RAD_PER_S, SHARPEST_RAD_PER_S)
        ahead_m = min(distance_m, float(ranges_R[2]))
        speed = min(FASTEST_M_PER_S * max(0.0, math.cos(heading_rad)) ** 2, ahead_m / TICK_S / 2)
        return np.array([max(speed, -BACKWARDS_M_PER_S), turn])

    def _sides(self, ranges_R: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the direction in which the obstacle of each range turns the base, (R,): 1 is left, -1 is right."""
        freer_m = np.exp(-ranges_R[3:]).sum() - np.exp(-ranges_R[:2]).sum()
        ahead = self._side if abs(freer_m) < UNDECIDED_M else np.sign(freer_m)
        return np.array([-0.5, -1.0, ahead, 1.0, 0.5])
