"""Planted permutations are found from weights."""

from __future__ import annotations

import pytest
import torch

from fleet_learning.symmetry import inverse
from policy_merge.averaging import averaged
from policy_merge.sequence_network import SequenceNetwork, SequenceShape
from policy_merge.weight_matching import matched, matched_to_mean

KINDS = ("feed-forward", "elman", "gru")


def planted(kind, seed, noise=0.02):
    """A network, the same with its units elsewhere and noise on its weights, and the orders that undo that."""
    net = SequenceNetwork(SequenceShape(inputs=6, outputs=3, width=24, depth=2, kind=kind))
    generator = torch.Generator().manual_seed(seed)
    reference, orders = net.new(seed), net.symmetries.random(generator)
    moved = net.symmetries.reordered(reference, orders)
    noisy = {name: own + noise * torch.randn(own.shape, generator=generator) for name, own in moved.items()}
    return net, reference, noisy, inverse(orders)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_a_planted_permutation_is_found(kind, seed):
    net, reference, noisy, expected = planted(kind, seed)
    found = matched(net.symmetries, noisy, reference, seed=0)
    for layer, order in expected.items():
        assert found[layer].tolist() == order.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_several_networks_are_matched_to_their_mean(kind):
    net, reference, first, _ = planted(kind, 0)
    second = net.symmetries.reordered(reference, net.symmetries.random(torch.Generator().manual_seed(9)))
    networks = [reference, first, second]
    orders = matched_to_mean(net.symmetries, networks, seed=0)
    merged = averaged([net.symmetries.reordered(own, order) for own, order in zip(networks, orders, strict=True)])
    observed = torch.randn(20, 5, 6, generator=torch.Generator().manual_seed(1))
    expected = net.outputs(reference, observed)
    error = (net.outputs(merged, observed) - expected).square().mean()
    naive = (net.outputs(averaged(networks), observed) - expected).square().mean()
    assert error < 0.1 * naive
