"""The policy of the monitor experiment, and what it learns from: demonstrations, its own steps, and interventions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fleet_experiments.monitor.rollouts import Rollout
from fleet_learning.dataset import Dataset, new_dataset
from fleet_learning.labels import LEAD, step_labels
from fleet_learning.policy import Policy
from fleet_learning.weighting import DEMONSTRATION, weighted_rows
from fleet_training.algorithms import ALGORITHMS
from fleet_training.first_policy import FirstPolicy
from fleet_training.learning_setup import LearningSetup

FIRST_STEPS, ROUND_STEPS = 1500, 600
"""Gradient steps of the first policy, and after every round."""


@dataclass(frozen=True)
class Learner:
    """A policy that clones demonstrations, and the pairs that it has learned from."""

    policy: Policy
    pairs: Dataset
    labels_B: NDArray[np.int64]
    """Label of each pair, from `fleet_learning.labels`, or DEMONSTRATION."""

    def after_round(self, rollouts: list[Rollout], *, steps: int, seed: int) -> Learner:
        """Return the learner that has also learned from a round, with Sirius' weights."""
        observed = new_dataset(
            np.concatenate([rollout.states_FS for rollout in rollouts]),
            np.concatenate([rollout.actions_FA for rollout in rollouts]),
        )
        labels = [step_labels(rollout.episode.events, LEAD) for rollout in rollouts]
        pairs, labels_B = self.pairs + observed, np.concatenate([self.labels_B, *labels])
        fitted = self.policy.fit(pairs[weighted_rows(labels_B, seed)], steps=steps, seed=seed)
        return replace(self, policy=fitted.policy, pairs=pairs, labels_B=labels_B)


def first_learner(setup: LearningSetup, *, steps: int, seed: int) -> Learner:
    """Return a learner that has cloned the demonstrations of the fleet file, explicitly, from states."""
    first = FirstPolicy(setup, ALGORITHMS["bc"], seed, Path())
    pairs = first.demonstrations()
    trained = first.untrained(pairs).fit(pairs, steps=steps, seed=seed).policy
    return Learner(trained, pairs, np.full(len(pairs), DEMONSTRATION))
