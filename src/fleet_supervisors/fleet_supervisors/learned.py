"""Supervisors of robots that are too hard to script: trained experts (`./fleet experiment expert --train`).

One expert drives a body that is symmetric in two styles: as it learned, or mirrored. Humans of the two styles lead with different legs.

S state dim, A action dim.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from fleet_supervisors.expert_network import ExpertNetwork, read_expert
from teleop_gui.supervisor import ScriptedSupervisor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from fleet_supervisors.supervisor_request import SupervisorRequest

EXPERTS = Path(__file__).parent / "weights"
"""Folder of the experts' networks, one file per task."""
STYLES = ("learned", "mirrored")


@dataclass(frozen=True)
class Mirror:
    """The mirror images of a robot's quantities."""

    sides: Mapping[str, str]
    """Prefixes of names that are exchanged."""
    odd: tuple[str, ...]
    """Suffixes of the names of quantities that change their sign."""

    def mirror(self, names: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the index of each quantity's mirror image, and its sign."""
        index_of = {name: index for index, name in enumerate(names)}
        order = [index_of[self._other_side(name)] for name in names]
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
"""Mirrors by task; the tasks' experts are in files of the same name."""


class LearnedSupervisor(ScriptedSupervisor):
    """A supervisor of one of `STYLES`."""

    def __init__(self, request: SupervisorRequest) -> None:
        self._expert = _expert(request.task)
        contract, mirror = request.contract, MIRRORS[request.task]
        observed = [quantity.name for quantity in contract.observation.state.quantities]
        acted = [quantity.name for quantity in contract.action.quantities]
        mirrored = request.style == "mirrored"
        self._mirrors = [mirror.mirror(names) for names in (observed, acted)] if mirrored else None

    @override
    def act(self, state_S: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self._mirrors:
            return self._expert(state_S)
        (order_S, signs_S), (order_A, signs_A) = self._mirrors
        return signs_A * self._expert(signs_S * state_S[order_S])[order_A]


@lru_cache
def _expert(task: str) -> ExpertNetwork:
    return read_expert(EXPERTS / f"{task}.safetensors")
