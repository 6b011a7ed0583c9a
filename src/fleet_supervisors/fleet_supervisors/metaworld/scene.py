"""What a supervisor of Meta-World sees. S state dim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TASKS = ("lever_pull", "dial_turn", "pick_place", "pick_place_wall", "basketball", "hand_insert")
"""Tasks in the order of the state's one-hot quantities."""
OBSERVED = 39
"""Number of quantities that Meta-World observes itself, in front of the tasks."""


@dataclass(frozen=True)
class Scene:
    """One observation: positions, m."""

    hand_3: NDArray[np.float64]
    opening: float
    """How far the fingers are apart, from 0 to 1."""
    object_3: NDArray[np.float64]
    goal_3: NDArray[np.float64]
    task: str

    def beside_m(self, point_3: NDArray[np.float64]) -> float:
        """Return the horizontal distance of the hand from a point."""
        return float(np.hypot(*(self.hand_3 - point_3)[:2]))

    def above_m(self, point_3: NDArray[np.float64]) -> float:
        """Return the vertical distance of the hand from a point, whether it is above or below."""
        return abs(float((self.hand_3 - point_3)[2]))


def observed(state_S: NDArray[np.float64]) -> Scene:
    """Return what a state describes; the task is the one whose quantity is the largest."""
    state_S = np.asarray(state_S, dtype=np.float64)
    task = TASKS[int(np.argmax(state_S[OBSERVED:]))]
    return Scene(state_S[:3], float(state_S[3]), state_S[4:7], state_S[OBSERVED - 3 : OBSERVED], task)
