"""Transitions: the training data of a critic.

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

    Each starts where its robot is not in violation. Steps between a violation and its hard reset are left out: they say
    nothing about the policy.
    """

    states_BS: NDArray[np.float32]
    actions_BA: NDArray[np.float32]
    """Actions of the policy or a human, whichever drove the robot."""
    next_states_BS: NDArray[np.float32]
    violated_B: NDArray[np.bool_]
    """Whether the step led into constraint violation."""
    episode_over_B: NDArray[np.bool_]
    """Whether the step ended the episode without violation, terminated by success or truncated. Its next state may belong to
    the next episode and is not used."""

    def __len__(self) -> int:
        return len(self.states_BS)

    def __add__(self, other: Transitions) -> Transitions:
        """Return these transitions followed by the other's."""
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
    """Return the transitions of one tick, of the robots that moved: holding and hard resets are not actions of a policy.

    Args:
        states_NS: observations before the step.
        actions: one per robot, as the gate released them.
        next_states_NS: observations after the step.
        violated_N: whether the robot is in violation after the step.
        episode_over_N: whether the step ended an episode.
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
