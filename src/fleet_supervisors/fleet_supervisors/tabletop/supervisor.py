"""The scripted supervisor of the tabletop. S state dim, A action dim."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from fleet_supervisors.tabletop.drawer import close_drawer, open_drawer
from fleet_supervisors.tabletop.lever import turn_lever
from fleet_supervisors.tabletop.pushing import push
from fleet_supervisors.tabletop.scene import STYLES, observed
from teleop_gui.supervisor import ScriptedSupervisor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_supervisors.supervisor_request import SupervisorRequest

MOTIONS = {
    "push_block": push,
    "push_disc": push,
    "open_drawer": open_drawer,
    "close_drawer": close_drawer,
    "turn_lever": turn_lever,
    "insert_peg": push,
}
"""How each task is done."""


class TabletopSupervisor(ScriptedSupervisor):
    """Does the task that the state names, on the side that is its style.

    Left and right are the sides on which it passes the obstacle, and takes hold of the drawer's handle; it pushes the arm of the lever
    with the coloured tip, or the other one. It is stateless: each action follows from the present state.
    """

    def __init__(self, request: SupervisorRequest) -> None:
        """Take the side of the style, one of `STYLES`."""
        self._side = STYLES[request.style]
        self._fastest_mps = float(request.contract.action_high_A.min())

    @override
    def act(self, state_S: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the finger's velocity, (A,), m/s, in the contract's range."""
        scene = observed(state_S)
        velocity_2 = MOTIONS[scene.task](scene, self._side)
        fastest = float(np.abs(velocity_2).max())
        slowed_2 = velocity_2 * min(1.0, self._fastest_mps / max(fastest, 1e-9))
        # Clipped as well, because the product may exceed the range by a rounding error.
        return np.clip(slowed_2, -self._fastest_mps, self._fastest_mps)
