"""FLEET-MERGE's search finds planted permutations from losses alone."""

from __future__ import annotations

from dataclasses import replace

import torch

from policy_merge.alignment import AlignmentConfig, align
from policy_merge.averaging import averaged
from policy_merge.sequence_network import SequenceNetwork, SequenceShape
from policy_merge.weight_matching import matched_to_mean

NET = SequenceNetwork(SequenceShape(inputs=4, outputs=3, width=8, depth=1, kind="feed-forward"))
CONFIG = AlignmentConfig(epochs=10)


def teacher():
    """A network with large weights, whose units differ clearly."""
    return {name: 3 * own for name, own in NET.new(0).items()}


def site(seed, parameters):
    """The loss of a site whose data come from the teacher."""
    observed = torch.randn(200, 1, 4, generator=torch.Generator().manual_seed(seed))
    wanted = NET.outputs(parameters, observed)

    def loss(network, generator):
        rows = torch.randint(len(observed), (64,), generator=generator)
        return (NET.outputs(network, observed[rows]) - wanted[rows]).square().mean()

    return loss


def planted(seed):
    parameters = teacher()
    moved = NET.symmetries.reordered(parameters, NET.symmetries.random(torch.Generator().manual_seed(seed)))
    return parameters, [parameters, moved], [site(1, parameters), site(2, parameters)]


def merged_loss(networks, losses, orders):
    present = [NET.symmetries.reordered(own, order) for own, order in zip(networks, orders, strict=True)]
    return float(losses[0](averaged(present), torch.Generator().manual_seed(5)))


def test_planted_permutations_are_found():
    """The search descends and may end where two units are still exchanged; whole permutations are found from some starts."""
    ratios = []
    for seed in range(1, 5):
        _, networks, losses = planted(seed)
        found = align(NET.symmetries, networks, losses, CONFIG, seed=0)
        identity = [NET.symmetries.identity() for _ in networks]
        assert any(epoch.moved > 0 for epoch in found.epochs)
        ratios.append(merged_loss(networks, losses, found.orders) / merged_loss(networks, losses, identity))
    assert max(ratios) < 0.5
    assert min(ratios) < 0.01


def test_losses_of_the_mean_network_never_rise_at_a_lone_participant():
    _, networks, losses = planted(4)
    config = replace(CONFIG, participation=0.5)
    seen = []
    align(NET.symmetries, networks, losses, config, seed=0, on_epoch=lambda _, epoch: seen.append(sum(epoch.losses)))
    assert len(seen) == config.epochs
    assert seen[-1] < seen[0]


def test_matrices_that_cannot_leave_identity_move_nothing():
    _, networks, losses = planted(1)
    stuck = replace(CONFIG, epochs=3, steps=8, learning_rate=0.1, confidence=5.0)
    found = align(NET.symmetries, networks, losses, stuck, seed=0)
    assert [epoch.moved for epoch in found.epochs] == [0.0] * 3
    for orders in found.orders:
        assert all(torch.equal(order, torch.arange(8)) for order in orders.values())


def test_the_search_may_begin_where_weights_match():
    _, networks, losses = planted(2)
    start = matched_to_mean(NET.symmetries, networks, seed=0)
    found = align(NET.symmetries, networks, losses, replace(CONFIG, epochs=1, steps=1), seed=0, start=start)
    assert merged_loss(networks, losses, found.orders) <= merged_loss(networks, losses, start)
    assert merged_loss(networks, losses, start) < 1e-6


def test_equal_seeds_find_equal_permutations():
    _, networks, losses = planted(3)
    config = replace(CONFIG, epochs=2)
    first, second = (align(NET.symmetries, networks, losses, config, seed=7) for _ in range(2))
    assert first.epochs == second.epochs
