"""Supervisors for robots that nobody can script: experts that were trained (`./fleet experiment expert --train`).

A body that is the same left and right can be driven in two ways by one expert: as it learned it, or as in a mirror. Two humans
of these styles lead with different legs, and both walk.

S state dim, A action dim.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fleet_supervisors.expert_network import ExpertNetwork, read_expert
from teleop_gui.supervisor import ScriptedSupervisor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract

EXPERTS = Path(__file__).parent / "weights"
STYLES = ("learned", "mirrored")


@dataclass(frozen=True)
class Mirror:
    """What changes in a mirror between left and right."""

    sides: Mapping[str, str]
    """Parts of names that change places."""
    odd: tuple[str, ...]
    """Ends of the names of numbers that change their sign."""

    def mirror(self, names: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Where each number's mirror image is, and its sign."""
        where = {name: index for index, name in enumerate(names)}
        order = [where[self._other_side(name)] for name in names]
        signs = [-1.0 if name.endswith(self.odd) else 1.0 for name in names]
        return np.array(order), np.array(signs)

    def _other_side(self, name: str) -> str:
        for side, other in [*self.sides.items(), *((other, side) for side, other in self.sides.items())]:
            if name.startswith(side + "_"):
                return other + name.removeprefix(side)
        return name


_TURNED = ("rate_x", "rate_z", "torque_x", "torque_z")
MIRRORS = {
    "ant": Mirror(
        sides={"front_left": "right_back", "front_right": "left_back"},
        odd=(
            *("velocity_y", "force_y", "yaw", "roll", "angle_to_target", *_TURNED),
            *("hip", "hip_spread", "hip_rate", "hip_last_action"),
        ),
    ),
    "anymal": Mirror(
        sides={"lf": "rf", "lh": "rh"},
        odd=("velocity_y", "gravity_y", *_TURNED, "haa", "haa_from_stance", "haa_rate", "haa_last_action"),
    ),
}
"""By task; their experts are in files of that name."""


class LearnedSupervisor(ScriptedSupervisor):
    """`Supervisor` of one style."""

    def __init__(self, task: str, style: str, contract: RobotContract) -> None:
        self._expert = _expert(task)
        observed = [quantity.name for quantity in contract.observation.state.quantities]
        moved = [quantity.name for quantity in contract.action.quantities]
        self._mirrors = [MIRRORS[task].mirror(names) for names in (observed, moved)] if style == "mirrored" else None

    def act(self, state_S: NDArray[np.float64]) -> NDArray[np.float64]:
        """The action (A,)."""
        if not self._mirrors:
            return self._expert(state_S)
        (order_S, signs_S), (order_A, signs_A) = self._mirrors
        return signs_A * self._expert(signs_S * state_S[order_S])[order_A]


@lru_cache
def _expert(task: str) -> ExpertNetwork:
    return read_expert(EXPERTS / f"{task}.safetensors")
