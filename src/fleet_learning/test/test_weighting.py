"""Batches have the shares of labels that Sirius' code gives them, and never a negative one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_learning.labels import Label
from fleet_learning.weighting import DEMONSTRATION, sirius_probabilities, weighted_rows

LABELS = (DEMONSTRATION, *Label)


def test_probabilities_are_those_of_the_published_code():
    labels = np.repeat([DEMONSTRATION, Label.NORMAL, Label.INTERVENTION, Label.PRE_INTERVENTION], [200, 600, 100, 100])
    assert sirius_probabilities(labels) == pytest.approx(
        {
            DEMONSTRATION: 0.2,
            Label.NORMAL: 1 - 0.2 - 0.5 - 0.002,
            Label.INTERVENTION: 0.5,
            Label.PRE_INTERVENTION: 0.002,
        }
    )


def test_rollouts_do_not_get_a_negative_weight_when_most_data_are_demonstrations():
    labels = np.repeat([DEMONSTRATION, Label.NORMAL, Label.INTERVENTION, Label.PRE_INTERVENTION], [800, 100, 50, 50])
    assert sirius_probabilities(labels)[Label.NORMAL] == pytest.approx(0)
    assert sirius_probabilities(labels)[DEMONSTRATION] == pytest.approx(0.498)


@given(st.lists(st.sampled_from(LABELS), min_size=1, max_size=60).map(np.array))
def test_probabilities_are_those_of_a_distribution_over_the_labels_there_are(labels):
    found = sirius_probabilities(labels)
    assert set(found) == set(labels.tolist())
    assert min(found.values()) >= 0
    assert sum(found.values()) == pytest.approx(1)


def test_rows_are_drawn_with_these_probabilities():
    labels = np.repeat([DEMONSTRATION, Label.NORMAL, Label.INTERVENTION], [4000, 15_000, 1000])
    drawn = labels[weighted_rows(labels, seed=0)]
    assert len(drawn) == len(labels)
    for label, probability in sirius_probabilities(labels).items():
        assert (drawn == label).mean() == pytest.approx(probability, abs=0.01)


def test_without_interventions_the_policy_keeps_learning_from_the_rest():
    labels = np.repeat([DEMONSTRATION, Label.PRE_INTERVENTION], [10, 10])
    assert sirius_probabilities(labels) == pytest.approx(
        {DEMONSTRATION: 0.498 / 0.5, Label.PRE_INTERVENTION: 0.002 / 0.5}
    )
