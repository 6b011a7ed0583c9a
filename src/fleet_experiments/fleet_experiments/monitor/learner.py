"""The policy of the monitor experiment, and what it learns from: demonstrations, its own steps, and interventions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fleet_experiments.monitor.rollouts import Rollout
from fleet_learning.attempt_pairs import labelled_pairs
from fleet_learning.dataset import Dataset, joined
from fleet_learning.policy import Policy
from fleet_learning.weighting import DEMONSTRATION
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
    """The pairs with their labels."""

    def after_round(self, rollouts: list[Rollout], *, steps: int, seed: int) -> Learner:
        """Return the learner that has also learned from a round, with Sirius' weights."""
        learned = [labelled_pairs(own.states_FS, own.actions_FA, own.episode.events) for own in rollouts]
        pairs = joined([self.pairs, *learned])
        return Learner(self.policy.fit(pairs, steps=steps, seed=seed).policy, pairs)


def first_learner(setup: LearningSetup, *, steps: int, seed: int) -> Learner:
    """Return a learner that has cloned the demonstrations of the fleet file, explicitly, from states."""
    first = FirstPolicy(setup, ALGORITHMS["bc"], seed, Path())
    pairs = first.demonstrations()
    trained = first.untrained(pairs).fit(pairs, steps=steps, seed=seed).policy
    return Learner(trained, pairs.labelled(DEMONSTRATION))
