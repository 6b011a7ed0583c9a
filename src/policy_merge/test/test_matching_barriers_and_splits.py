"""Activations find planted permutations, barriers are those of known losses, and splits lose no sample."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fleet_learning.symmetry import inverse
from policy_merge.activation_matching import matched_by_activations
from policy_merge.barrier import loss_barrier, performance_barrier
from policy_merge.sequence_network import SequenceNetwork, SequenceShape
from policy_merge.split import dirichlet_split


@pytest.mark.parametrize("kind", ["feed-forward", "elman", "gru"])
def test_planted_permutations_are_found_from_activations(kind):
    net = SequenceNetwork(SequenceShape(inputs=6, outputs=3, width=24, depth=2, kind=kind))
    generator = torch.Generator().manual_seed(0)
    reference, orders = net.new(0), net.symmetries.random(generator)
    moved = net.symmetries.reordered(reference, orders)
    noisy = {name: own + 0.02 * torch.randn(own.shape, generator=generator) for name, own in moved.items()}
    observed = torch.randn(60, 5, 6, generator=generator)
    found = matched_by_activations(net, noisy, reference, observed.split(25))
    for layer, order in inverse(orders).items():
        assert found[layer].tolist() == order.tolist()


def test_the_barrier_of_a_parabola_and_of_a_hill():
    zero, two = {"a": torch.tensor(0.0)}, {"a": torch.tensor(2.0)}
    assert loss_barrier(zero, two, lambda net: float(-((net["a"] - 1) ** 2))) == pytest.approx(1)
    assert loss_barrier(zero, two, lambda net: float(3 * net["a"])) == pytest.approx(3)
    assert performance_barrier(zero, two, lambda net: float((net["a"] - 1) ** 2)) == pytest.approx(1)


@given(
    st.lists(st.integers(0, 200), min_size=1, max_size=8).filter(lambda sizes: sum(sizes) >= 6),
    st.integers(1, 6),
    st.floats(0.01, 100),
    st.integers(0, 1000),
)
def test_sites_get_equally_many_samples_and_no_more_than_there_are(sizes, sites, concentration, seed):
    split_NK = dirichlet_split(np.array(sizes), sites, concentration, seed)
    assert (split_NK >= 0).all()
    assert (split_NK.sum(0) <= sizes).all()
    assert split_NK.sum(1).tolist() == [sum(sizes) // sites] * sites


def test_small_concentrations_separate_tasks():
    sizes = np.full(10, 1000)

    def largest_share(concentration):
        shares = [dirichlet_split(sizes, 5, concentration, seed).max(1) / 2000 for seed in range(20)]
        return float(np.mean(shares))

    assert largest_share(0.01) > 0.45  # A site holds two tasks' samples: a task fills half of it.
    assert largest_share(100) < 0.15
    assert largest_share(0.01) > largest_share(1) > largest_share(100)


def test_impossible_splits_are_refused():
    with pytest.raises(ValueError, match=r"^concentration: expected a number above 0, got 0$"):
        dirichlet_split(np.array([5]), 2, 0, 0)
    with pytest.raises(ValueError, match=r"^samples: expected at least 3, one per site, got 2$"):
        dirichlet_split(np.array([1, 1]), 3, 1.0, 0)
