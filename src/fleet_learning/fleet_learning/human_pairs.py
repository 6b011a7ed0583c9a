"""The (observation, action) pairs of the humans, collected while the fleet runs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from fleet_contract.action import RobotAction
from fleet_learning.dataset import Dataset, empty_dataset, new_dataset
from fleet_learning.step_join import StepJoin


class HumanPairs(StepJoin):
    """Collects D_H of IIFL section 4.2.

    Only moves by a human count: not the policy's actions, hard resets or holding.
    """

    def __init__(self, robots: int, observed: tuple[int, ...], action_dim: int) -> None:
        """`observed` is the shape of one observation."""
        super().__init__(robots)
        self._empty = empty_dataset(observed, action_dim)
        self._pairs: dict[tuple[int, int], tuple[NDArray[np.generic], tuple[float, ...]]] = {}

    @override
    def keep(self, tick: int, robot: int, observation: NDArray[np.generic], action: RobotAction) -> None:
        if action.shows:
            self._pairs[tick, robot] = (observation, action.values)

    def between(self, first: int, end: int) -> Dataset:
        """Return the pairs of the ticks first <= t < end, sorted by tick and robot."""
        rows = [self._pairs[key] for key in sorted(self._pairs) if first <= key[0] < end]
        if not rows:
            return self._empty
        observations, actions = zip(*rows, strict=True)
        return new_dataset(observations, actions)
