"""The scripted supervisor of Meta-World. S state dim, A action dim."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from fleet_supervisors.metaworld.plans import PLANS
from fleet_supervisors.metaworld.scene import observed
from teleop_gui.supervisor import ScriptedSupervisor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_supervisors.supervisor_request import SupervisorRequest

FASTEST = {"brisk": (1.0, 1.0, 1.0), "calm": (0.7, 0.7, 1.0)}
"""Largest steps of the hand along x, y and z, as shares of the largest allowed ones, by style. Objects that are lifted slowly slip."""


class MetaworldSupervisor(ScriptedSupervisor):
    """Does the task that the state names, as fast as its style allows. It is stateless."""

    def __init__(self, request: SupervisorRequest) -> None:
        """Take the speed of the style, one of `FASTEST`."""
        self._fastest_3 = np.array(FASTEST[request.style])

    @override
    def act(self, state_S: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the step of the hand and the effort of the fingers, (A,), from -1 to 1."""
        scene = observed(state_S)
        plan = PLANS[scene.task]
        step_3 = np.clip(plan.gain * (plan.next_position(scene) - scene.hand_3), -self._fastest_3, self._fastest_3)
        return np.array([*step_3, plan.grip(scene)])
