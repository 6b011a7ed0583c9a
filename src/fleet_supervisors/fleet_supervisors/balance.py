"""Scripted supervisors that keep a ball in the centre of a tray on three legs (BallBalance in IIFL section 5.2).

A PD controller tilts the tray against the ball's position and velocity. The styles are humans who differ in its gains.

S state dim, A action dim.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from teleop_gui.supervisor import ScriptedSupervisor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_supervisors.supervisor_request import SupervisorRequest


@dataclass(frozen=True)
class Gains:
    """The gains of one human."""

    position_rad_per_m: float
    velocity_rad_s_per_m: float


STYLES = {"even": Gains(0.25, 0.26), "gentle": Gains(0.20, 0.22), "firm": Gains(0.32, 0.32)}
"""Gains by style."""
LARGEST_TILT_RAD, LIFT_RAD = 0.57, 0.075
"""Largest angle by which a knee is bent for the ball, and angle by which all knees are stretched."""
STEP_RAD, STEP_SHARE = 0.2, 0.23
"""Motion of a knee by an action of one, and share of the remaining motion that is done in one action."""
_ANGLES = 2 * np.pi * np.arange(3) / 3
LEGS_23 = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)])
"""Directions of the legs from the centre."""


class BalanceSupervisor(ScriptedSupervisor):
    """A supervisor of one of `STYLES`."""

    def __init__(self, request: SupervisorRequest) -> None:
        self._gains = STYLES[request.style]

    @override
    def act(self, state_S: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the action (A,): knees stretch where the ball is and where it rolls to."""
        knees_3, ball_2, velocity_2 = state_S[:3], state_S[6:8], state_S[9:11]
        gains = self._gains
        tilt_3 = (gains.position_rad_per_m * ball_2 + gains.velocity_rad_s_per_m * velocity_2) @ LEGS_23
        target_3 = np.clip(tilt_3, -LARGEST_TILT_RAD, LARGEST_TILT_RAD) + LIFT_RAD
        return np.asarray(np.clip(STEP_SHARE / STEP_RAD * (target_3 - knees_3), -1.0, 1.0))
