"""Networks whose units change places have the same outputs."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_learning.symmetry import Part, Symmetries, as_matrices, composed, inverse
from policy_merge.sequence_network import SequenceNetwork, SequenceShape

KINDS = ("feed-forward", "elman", "gru")


def network(kind, width=7, depth=3):
    return SequenceNetwork(SequenceShape(inputs=4, outputs=2, width=width, depth=depth, kind=kind))


@given(st.sampled_from(KINDS), st.integers(1, 4), st.integers(0, 2**20))
@settings(deadline=None)
def test_outputs_stay_the_same(kind, depth, seed):
    net, generator = network(kind, depth=depth), torch.Generator().manual_seed(seed)
    parameters = {name: own.double() for name, own in net.new(seed).items()}
    orders = net.symmetries.random(generator)
    observed = torch.randn(3, 5, 4, generator=generator, dtype=torch.double)
    expected = net.outputs(parameters, observed)
    reordered = net.symmetries.reordered(parameters, orders)
    torch.testing.assert_close(net.outputs(reordered, observed), expected, rtol=1e-12, atol=1e-12)
    matrices = {layer: own.double() for layer, own in as_matrices(orders).items()}
    for name, own in net.symmetries.permuted(parameters, matrices).items():
        torch.testing.assert_close(own, reordered[name], rtol=0, atol=0)
    hidden, moved = (net.activations(own, observed) for own in (parameters, reordered))
    for layer, order in orders.items():
        torch.testing.assert_close(moved[layer], hidden[layer][:, order], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_every_hidden_layer_is_permuted_and_its_outgoing_matrix_too(kind):
    net = network(kind)
    assert net.symmetries.layers == {"hidden 1": 7, "hidden 2": 7, "hidden 3": 7}
    parameters = net.new(0)
    observed = torch.randn(2, 5, 4)
    for layer in net.symmetries.layers:
        order = {layer: torch.arange(7).roll(1)}
        moved = net.symmetries.reordered(parameters, order)
        without_outgoing = moved | {
            name: parameters[name] for name, axes in net.symmetries.axes.items() if axes[-1] == (Part(7, layer),)
        }
        expected = net.outputs(parameters, observed)
        torch.testing.assert_close(net.outputs(moved, observed), expected)
        assert not torch.allclose(net.outputs(without_outgoing, observed), expected, atol=1e-4)


def test_orders_are_composed_and_undone():
    net, generator = network("gru"), torch.Generator().manual_seed(1)
    parameters, first, second = net.new(0), net.symmetries.random(generator), net.symmetries.random(generator)
    twice = net.symmetries.reordered(net.symmetries.reordered(parameters, first), second)
    at_once = net.symmetries.reordered(parameters, composed(first, second))
    back = net.symmetries.reordered(at_once, inverse(composed(first, second)))
    for name, own in parameters.items():
        assert torch.equal(twice[name], at_once[name])
        assert torch.equal(back[name], own)


def test_what_does_not_fit_is_refused():
    net = network("elman")
    parameters = net.new(0)
    net.symmetries.require(parameters)
    with pytest.raises(ValueError, match=r"^head\.bias: expected shape \(2,\), got None$"):
        net.symmetries.require({name: own for name, own in parameters.items() if name != "head.bias"})
    with pytest.raises(ValueError, match=r"^head\.weight: expected shape \(2, 7\), got \(2, 6\)$"):
        net.symmetries.require(parameters | {"head.weight": torch.zeros(2, 6)})
    with pytest.raises(ValueError, match=r"^b: expected 3 units of h, got 4$"):
        _ = Symmetries({"a": ((Part(3, "h"),),), "b": ((Part(4, "h"),),)}).layers
