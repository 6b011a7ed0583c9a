"""RegMean agrees with least squares on the sites' data."""

from __future__ import annotations

import pytest
import torch

from policy_merge.averaging import averaged
from policy_merge.regression_mean import gram_matrices, regression_mean
from policy_merge.sequence_network import SequenceNetwork, SequenceShape

KINDS = ("feed-forward", "elman", "gru")


def sites(kind, count=2):
    net = SequenceNetwork(SequenceShape(inputs=4, outputs=2, width=6, depth=2, kind=kind))
    generator = torch.Generator().manual_seed(0)
    networks = [net.new(seed) for seed in range(count)]
    seen = [torch.randn(40, 5, 4, generator=generator) + site for site in range(count)]
    return net, networks, seen


@pytest.mark.parametrize("kind", KINDS)
def test_every_map_is_the_least_squares_fit_to_all_sites_outputs(kind):
    net, networks, seen = sites(kind)
    grams = [gram_matrices(net, own, [observed]) for own, observed in zip(networks, seen, strict=True)]
    merged = regression_mean(net, networks, grams, off_diagonal=1.0)
    for linear in net.linears:
        rows, targets = [], []
        for network, observed in zip(networks, seen, strict=True):
            inputs = net.inputs(network, observed)[linear.weight].double()
            rows.append(torch.cat([inputs, torch.ones(len(inputs), 1)], 1))
            targets.append(inputs @ network[linear.weight].double().T + network[linear.bias].double())
        expected = torch.linalg.lstsq(torch.cat(rows), torch.cat(targets)).solution
        torch.testing.assert_close(merged[linear.weight].double(), expected[:-1].T, rtol=1e-2, atol=2e-3)
        torch.testing.assert_close(merged[linear.bias].double(), expected[-1], rtol=1e-2, atol=2e-3)


@pytest.mark.parametrize("off_diagonal", [0.0, 0.9, 1.0])
def test_equal_networks_stay_what_they_are(off_diagonal):
    net, networks, seen = sites("gru")
    grams = [gram_matrices(net, networks[0], [observed]) for observed in seen]
    merged = regression_mean(net, [networks[0]] * 2, grams, off_diagonal)
    for name, own in networks[0].items():
        torch.testing.assert_close(merged[name], own, rtol=1e-4, atol=1e-5)


def test_inputs_that_no_site_has_seen_are_averaged():
    net, networks, seen = sites("feed-forward")
    for observed in seen:
        observed[..., 1] = 0
    grams = [gram_matrices(net, own, [observed]) for own, observed in zip(networks, seen, strict=True)]
    merged = regression_mean(net, networks, grams)
    name = "layers.0.weight"
    torch.testing.assert_close(merged[name][:, 1], averaged(networks)[name][:, 1])


@pytest.mark.parametrize("kind", KINDS)
def test_gram_matrices_of_moved_units_move_with_them(kind):
    net, networks, seen = sites(kind, 1)
    orders = net.symmetries.random(torch.Generator().manual_seed(3))
    moved = net.symmetries.reordered(networks[0], orders)
    permuted = gram_matrices(net, networks[0], [seen[0]]).permuted(net.symmetries, net, orders)
    for name, own in gram_matrices(net, moved, seen[0].split(7)).matrices.items():
        torch.testing.assert_close(permuted.matrices[name], own, rtol=1e-5, atol=1e-6)
