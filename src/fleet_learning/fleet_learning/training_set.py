"""What a policy learns from while the fleet works: demonstrations, and what the rounds add to them."""

from __future__ import annotations

from fleet_contract.fleet import Weighting
from fleet_contract.validation import InputError
from fleet_learning.attempt_pairs import AttemptPairs
from fleet_learning.dataset import Dataset
from fleet_learning.human_pairs import HumanPairs
from fleet_learning.labels import Label
from fleet_learning.weighting import DEMONSTRATION


class TrainingSet:
    """Grows round by round by the fleet's weighting: by the pairs of humans, or by those of all attempts, with labels."""

    def __init__(self, demonstrations: Dataset, robots: int, weighting: Weighting) -> None:
        """Begin with the demonstrations; `robots` is the number of robots of the fleet."""
        shown = demonstrations.shown()
        self._demonstrations = len(shown)
        dims = shown.observations_B.shape[1:], shown.actions_BA.shape[1]
        self.join: HumanPairs | AttemptPairs
        """Joins what arrives of the running round."""
        if weighting == "uniform":
            self.pairs, self.join = shown, HumanPairs(robots, *dims)
        else:
            self.pairs, self.join = shown.labelled(DEMONSTRATION), AttemptPairs(robots, *dims)

    @property
    def human_pairs(self) -> int:
        """Number of pairs that humans have shown while the fleet worked."""
        labels_B = self.pairs.labels_B
        if labels_B is None:
            return len(self.pairs) - self._demonstrations
        return int((labels_B == Label.INTERVENTION).sum())

    def add_round(self, first: int, end: int) -> None:
        """Add the pairs of the round of the ticks first <= t < end."""
        self.pairs += self.join.between(first, end)

    def resume(self, pairs: Dataset, source: str) -> None:
        """Continue with the training set of a version.

        Args:
            pairs: the training set.
            source: where it comes from, for the error message.

        Raises:
            InputError: it was made with another weighting.
        """
        if (pairs.labels_B is None) != (self.pairs.labels_B is None):
            have, has = ("no labels", "labels") if self.pairs.labels_B is None else ("labels", "no labels")
            raise InputError(f"{source}: expected a training set with {have}, as training.weighting says, got {has}.")
        self.pairs = pairs
