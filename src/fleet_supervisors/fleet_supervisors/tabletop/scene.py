"""What a supervisor of the tabletop sees, and the sizes that it knows. S state dim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Side = Literal["left", "right"]
"""Side on which a supervisor passes or takes hold of something, as seen in the direction of the motion or in the image."""
STYLES: dict[str, Side] = {"left": "left", "right": "right"}
"""Sides by style."""
TASKS = ("push_block", "push_disc", "open_drawer", "close_drawer", "turn_lever", "insert_peg")
"""Tasks in the order of the state's one-hot quantities."""
FINGER_M = 0.012
"""Radius of the finger."""


@dataclass(frozen=True)
class Scene:
    """One observation: positions, m, in the frame of the table."""

    finger_2: NDArray[np.float64]
    object_2: NDArray[np.float64]
    yaw: float
    """Yaw of the object, radians."""
    goal_2: NDArray[np.float64]
    obstacle_2: NDArray[np.float64]
    task: str


def observed(state_S: NDArray[np.float64]) -> Scene:
    """Return what a state describes; the task is the one whose quantity is the largest."""
    state_S = np.asarray(state_S, dtype=np.float64)
    yaw = float(np.arctan2(state_S[5], state_S[4]))
    return Scene(state_S[:2], state_S[2:4], yaw, state_S[6:8], state_S[8:10], TASKS[int(np.argmax(state_S[10:]))])


def unit(vector_2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the vector's direction; for one without length, upwards in the image."""
    length = float(np.hypot(*vector_2))
    return vector_2 / length if length > 0 else np.array([0.0, 1.0])


def left_of(direction_2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the direction a quarter turn counterclockwise."""
    return np.array([-direction_2[1], direction_2[0]])
