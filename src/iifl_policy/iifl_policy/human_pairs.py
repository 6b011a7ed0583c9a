"""What the humans showed, collected while the fleet runs.

S state dim, A action dim.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet_contract.action import ActionKind, ActionSource, RobotAction
from iifl_policy.dataset import Dataset, empty


class HumanPairs:
    """Joins states and released actions by tick and robot, and keeps D_H of IIFL section 4.2.

    Only what a human drove counts: not the policy's actions, not hard resets, not holding.
    """

    def __init__(self, robots: int, state_dim: int, action_dim: int) -> None:
        self._robots = robots
        self._empty = empty(state_dim, action_dim)
        self._states: dict[tuple[int, int], NDArray[np.float64]] = {}
        self._actions: dict[tuple[int, int], RobotAction] = {}
        self._pairs: dict[tuple[int, int], tuple[NDArray[np.float64], tuple[float, ...]]] = {}
        self._joined: dict[int, set[int]] = {}

    def add_state(self, tick: int, robot: int, state_S: NDArray[np.float64]) -> None:
        """A robot's observation."""
        self._states[tick, robot] = state_S
        self._join(tick, robot)

    def add_action(self, robot: int, action: RobotAction) -> None:
        """A robot's action, as the gate released it."""
        self._actions[action.tick, robot] = action
        self._join(action.tick, robot)

    def has_all_of(self, tick: int) -> bool:
        """Whether the states and actions of all robots at this tick have come."""
        return len(self._joined.get(tick, ())) == self._robots

    def between(self, first: int, end: int) -> Dataset:
        """The pairs of ticks first <= t < end, by tick and robot."""
        rows = [self._pairs[key] for key in sorted(self._pairs) if first <= key[0] < end]
        if not rows:
            return self._empty
        states, actions = zip(*rows, strict=True)
        return Dataset(np.stack(states).astype(np.float32), np.array(actions, dtype=np.float32))

    def _join(self, tick: int, robot: int) -> None:
        key = (tick, robot)
        if key not in self._states or key not in self._actions:
            return
        state_S, action = self._states.pop(key), self._actions.pop(key)
        self._joined.setdefault(tick, set()).add(robot)
        if action.source is ActionSource.HUMAN and action.kind is ActionKind.MOVE:
            self._pairs[key] = (state_S, action.values)
