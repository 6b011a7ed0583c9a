"""The (observation, action) pairs of all attempts, with labels, collected while the fleet runs. F frames of an attempt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fleet_learning.attempts import Attempts, EndedAttempt
from fleet_learning.dataset import Dataset, empty_dataset, joined, new_dataset
from fleet_learning.labels import LEAD, EpisodeEvents, step_labels
from fleet_learning.robot_steps import RobotSteps
from fleet_learning.weighting import DEMONSTRATION


class AttemptPairs(RobotSteps):
    """Collects what Sirius learns from: the policy's own steps, pre-interventions and interventions."""

    def __init__(self, robots: int, observed: tuple[int, ...], action_dim: int) -> None:
        """`observed` is the shape of one observation."""
        super().__init__(robots)
        self._empty = empty_dataset(observed, action_dim).labelled(DEMONSTRATION)
        self._attempts = Attempts()

    def between(self, first: int, end: int) -> Dataset:
        """Return the pairs of the attempts that end at ticks first <= t < end, sorted by robot and tick.

        Rounds follow each other: an attempt that continues after `end` is in the round in which it ends.
        """
        ended = self._attempts.ended(self.take_between(first, end))
        return joined([self._empty, *(_pairs_of(attempt) for attempt in ended)])


def labelled_pairs(
    observations_F: NDArray[np.generic], actions_FA: NDArray[np.generic], events: EpisodeEvents
) -> Dataset:
    """Return the pairs of an attempt, labelled by what happened in it."""
    return replace(new_dataset(observations_F, actions_FA), labels_B=step_labels(events, LEAD))


def _pairs_of(attempt: EndedAttempt) -> Dataset:
    actions_FA = np.array([step.action for step in attempt.steps])
    return labelled_pairs(attempt.observations_F, actions_FA, attempt.events)
