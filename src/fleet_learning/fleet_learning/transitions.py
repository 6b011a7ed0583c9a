"""What became of actions: the data of a critic.

N robots, B transitions, S state dim, A action dim.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from fleet_contract.action import ActionKind, RobotAction


@dataclass(frozen=True)
class Transitions:
    """Steps of single robots, in the robot contract's units.

    Each begins where its robot is not in violation. What follows a violation is the way to the hard reset, and tells
    nothing about the policy: it is left out.
    """

    states_BS: NDArray[np.float32]
    actions_BA: NDArray[np.float32]
    """Of whoever drove the robot."""
    next_states_BS: NDArray[np.float32]
    violated_B: NDArray[np.bool_]
    """The step led into constraint violation."""
    episode_over_B: NDArray[np.bool_]
    """The step ended the episode without violation, by success or by time. Its next state may belong to the next episode,
    and is not looked at."""

    def __len__(self) -> int:
        return len(self.states_BS)

    def __add__(self, other: Transitions) -> Transitions:
        """Those of this, then those of the other."""
        names = [field.name for field in fields(self)]
        return Transitions(**{name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in names})

    @property
    def digest(self) -> str:
        """sha256 of the content, hexadecimal."""
        content = hashlib.sha256()
        for field in fields(self):
            array = getattr(self, field.name)
            content.update(repr((field.name, array.shape)).encode())
            content.update(np.ascontiguousarray(array).tobytes())
        return content.hexdigest()


def transitions_of(
    states_NS: NDArray[np.float64],
    actions: Sequence[RobotAction],
    next_states_NS: NDArray[np.float64],
    violated_N: NDArray[np.bool_],
    episode_over_N: NDArray[np.bool_],
    *,
    action_dim: int,
) -> Transitions:
    """The transitions of one tick: those of the robots that moved. Holding and hard resets are no actions of a policy.

    Args:
        states_NS: observations that were answered.
        actions: one per robot, as the gate released them.
        next_states_NS: observations after the step.
        violated_N: in violation after the step.
        episode_over_N: the step ended an episode.
        action_dim: A.
    """
    rows = [robot for robot, action in enumerate(actions) if action.kind is ActionKind.MOVE]
    return Transitions(
        states_NS[rows].astype(np.float32),
        np.array([actions[robot].values for robot in rows], dtype=np.float32).reshape(-1, action_dim),
        next_states_NS[rows].astype(np.float32),
        violated_N[rows],
        episode_over_N[rows],
    )
