"""Scripted supervisors that keep a ball in the middle of a tray on three legs (IIFL section 5.2's BallBalance).

The tray is tilted against the ball's place and velocity, as far as each leg is concerned by them; humans differ in how hard.

S state dim, A action dim.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from teleop_gui.supervisor import ScriptedSupervisor

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Gains:
    """How hard somebody tilts."""

    place_rad_per_m: float
    velocity_rad_s_per_m: float


STYLES = {"even": Gains(0.25, 0.26), "gentle": Gains(0.20, 0.22), "firm": Gains(0.32, 0.32)}
MOST_RAD, LIFT_RAD = 0.57, 0.075
"""Of a knee: as far as it is bent for the ball, and by how much all are stretched."""
STEP_RAD, PART = 0.2, 0.23
"""By which an action of one moves a knee, and what part of the way is gone at once."""
_ANGLES = 2 * np.pi * np.arange(3) / 3
LEGS_23 = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)])
"""Directions of the legs from the middle."""


class BalanceSupervisor(ScriptedSupervisor):
    """`Supervisor` of one style."""

    def __init__(self, style: str) -> None:
        self._gains = STYLES[style]

    def act(self, state_S: NDArray[np.float64]) -> NDArray[np.float64]:
        """The action (A,): knees stretch where the ball is and where it rolls to."""
        knees_3, ball_2, velocity_2 = state_S[:3], state_S[6:8], state_S[9:11]
        gains = self._gains
        tilt_3 = (gains.place_rad_per_m * ball_2 + gains.velocity_rad_s_per_m * velocity_2) @ LEGS_23
        wanted_3 = np.clip(tilt_3, -MOST_RAD, MOST_RAD) + LIFT_RAD
        return np.asarray(np.clip(PART / STEP_RAD * (wanted_3 - knees_3), -1.0, 1.0))
