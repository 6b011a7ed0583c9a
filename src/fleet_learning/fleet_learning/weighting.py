"""Weights of demonstrations, the policy's own steps and interventions in the training of a policy.

B pairs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fleet_learning.labels import Label

DEMONSTRATION = -1
"""Label of a pair that was demonstrated before there was a policy; the others are those of `fleet_learning.labels`."""
INTERVENTIONS, PRE_INTERVENTIONS = 0.5, 0.002
"""Probabilities of these pairs in a batch, as in the published code of Sirius and FIREWORK."""


def sirius_probabilities(labels_B: NDArray[np.int64]) -> dict[int, float]:
    """Return the probability of each label in a batch (Sirius, Liu et al. 2023, section 4; FIREWORK fine-tunes in the same way).

    Interventions have one half, demonstrations their share of the data, pre-interventions hardly any, and the policy's own
    steps the rest. The published code gives these a negative weight if demonstrations are nearly half of the data; here
    demonstrations then get what is left. Labels that do not occur leave their probability to the others.
    """
    shares = {
        label: float((labels_B == label).mean()) for label in (DEMONSTRATION, *Label) if (labels_B == label).any()
    }
    wanted = {
        Label.INTERVENTION: INTERVENTIONS,
        Label.PRE_INTERVENTION: PRE_INTERVENTIONS,
        DEMONSTRATION: min(shares.get(DEMONSTRATION, 0.0), 1 - INTERVENTIONS - PRE_INTERVENTIONS),
    }
    wanted[Label.NORMAL] = 1 - sum(wanted.values())
    found = {int(label): wanted[label] for label in shares}
    total = sum(found.values())
    if not total:
        return {label: shares[label] for label in found}
    return {label: probability / total for label, probability in found.items()}


def weighted_rows(labels_B: NDArray[np.int64], seed: int | Sequence[int]) -> NDArray[np.int64]:
    """Return as many rows as there are pairs, drawn with these probabilities."""
    counts = {label: int((labels_B == label).sum()) for label in np.unique(labels_B).tolist()}
    probabilities = sirius_probabilities(labels_B)
    each_B = np.array([probabilities[label] / counts[label] for label in labels_B.tolist()])
    return np.random.default_rng(seed).choice(len(labels_B), len(labels_B), p=each_B / each_B.sum())
