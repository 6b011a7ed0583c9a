"""The scripted supervisor of Meta-World. S state dim, A action dim."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from fleet_supervisors.metaworld.motions import (
    basketball,
    dial_turn,
    hand_insert,
    lever_pull,
    pick_place,
    pick_place_wall,
)
from fleet_supervisors.metaworld.scene import observed
from teleop_gui.supervisor import ScriptedSupervisor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_supervisors.supervisor_request import SupervisorRequest

MOTIONS = {
    "lever_pull": lever_pull,
    "dial_turn": dial_turn,
    "pick_place": pick_place,
    "pick_place_wall": pick_place_wall,
    "basketball": basketball,
    "hand_insert": hand_insert,
}
"""How each task is done."""
FASTEST = {"brisk": (1.0, 1.0, 1.0), "calm": (0.7, 0.7, 1.0)}
"""Largest steps of the hand along x, y and z, as shares of the largest allowed ones, by style. Objects that are lifted slowly slip."""


class MetaworldSupervisor(ScriptedSupervisor):
    """Does the task that the state names, as fast as its style allows. It is stateless, as the scripts of Meta-World are."""

    def __init__(self, request: SupervisorRequest) -> None:
        """Take the speed of the style, one of `FASTEST`."""
        self._fastest_3 = np.array(FASTEST[request.style])

    @override
    def act(self, state_S: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the step of the hand and the effort of the fingers, (A,), from -1 to 1."""
        scene = observed(state_S)
        motion = MOTIONS[scene.task](scene)
        step_3 = np.clip(motion.gain * (motion.to_3 - scene.hand_3), -self._fastest_3, self._fastest_3)
        return np.array([*step_3, motion.grip])
