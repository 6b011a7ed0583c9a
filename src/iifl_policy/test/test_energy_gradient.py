"""The analytic gradient is that of autograd and of finite differences, and members are independent."""

from __future__ import annotations

import pytest
import torch
from analytic import in_double

from fleet_learning.parallel import use_threads
from iifl_policy import energy_field
from iifl_policy.energy import EnergyEnsemble, EnergyShape, new_energy

SHAPES = [
    EnergyShape(6, 2, members=2, width=16, depth=3),
    EnergyShape(1, 1, members=1, width=4, depth=1),
    EnergyShape(3, 7, members=3, width=8, depth=2),
]
BATCH, CHAINS = 5, 4


def energies_at(shape, seed=0):
    """An ensemble in double precision, with states and actions."""
    generator = torch.Generator().manual_seed(seed)
    model = in_double(new_energy(shape, generator))
    states = torch.randn(shape.members, BATCH, shape.state_dim, generator=generator, dtype=torch.float64)
    actions = (
        torch.rand(shape.members, BATCH, CHAINS, shape.action_dim, generator=generator, dtype=torch.float64) * 2 - 1
    )
    return model, states, actions


def by_hand(model, member, state, action):
    """One energy, layer by layer."""
    hidden = torch.cat([state, action])
    layers = list(zip(model.net.weights, model.net.biases, strict=True))
    for weight, bias in layers[:-1]:
        hidden = (hidden @ weight[member] + bias[member, 0]).clamp(min=0)
    weight, bias = layers[-1]
    return (hidden @ weight[member] + bias[member, 0]).item()


@pytest.mark.parametrize("shape", SHAPES)
def test_energies_are_those_of_one_network_per_member(shape):
    model, states, actions = energies_at(shape)
    energies = model(model.features(states), actions)
    for member in range(shape.members):
        for row in range(BATCH):
            for chain in range(CHAINS):
                expected = by_hand(model, member, states[member, row], actions[member, row, chain])
                assert energies[member, row, chain].item() == pytest.approx(expected, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_is_that_of_autograd(shape):
    model, states, actions = energies_at(shape)
    actions.requires_grad_()
    energies = model(model.features(states), actions)
    (expected,) = torch.autograd.grad(energies.sum(), actions)
    found, gradient = model.field(model.features(states))(actions)
    torch.testing.assert_close(found, energies.detach(), rtol=0, atol=1e-13)
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-13)
    assert not gradient.requires_grad
    assert gradient.abs().amax() > 0


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("used", ["energies", "slopes", "both"])
def test_energies_and_slopes_have_the_derivatives_of_a_second_order_graph(shape, used):
    model, states, actions = energies_at(shape)
    model = EnergyEnsemble(model.net.trainable(), shape.state_dim)
    states.requires_grad_()
    actions.requires_grad_()
    energies = model(model.features(states), actions)
    (slopes,) = torch.autograd.grad(energies.sum(), actions, create_graph=True)
    found = model.with_slopes(model.features(states), actions.detach())
    torch.testing.assert_close(found, (energies, slopes), rtol=0, atol=1e-13)

    def derivatives(energies, slopes):
        value = (energies.sin().sum() if used != "slopes" else 0) + (slopes.square().sum() if used != "energies" else 0)
        by = [states, *model.net.parameters()]
        return torch.autograd.grad(value, by, allow_unused=True, materialize_grads=True)

    expected = derivatives(energies, slopes)
    torch.testing.assert_close(derivatives(*found), expected, rtol=0, atol=1e-12)
    assert any(derivative.abs().amax() > 0 for derivative in expected)


@torch.no_grad()
@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_is_that_of_central_differences(shape):
    model, states, actions = energies_at(shape, seed=1)
    features = model.features(states)
    _, gradient = model.field(features)(actions)
    step = 1e-7  # short, so that no kink of a ReLU lies between
    for dimension in range(shape.action_dim):
        offset = torch.zeros(shape.action_dim, dtype=torch.float64)
        offset[dimension] = step
        difference = (model(features, actions + offset) - model(features, actions - offset)) / (2 * step)
        torch.testing.assert_close(gradient[..., dimension], difference, rtol=0, atol=1e-7)


@torch.no_grad()
@pytest.mark.parametrize("rows", [1, 3, 7, 1000])
def test_blocks_of_any_size_give_the_same(rows, monkeypatch):
    model, states, actions = energies_at(SHAPES[2])
    features = model.features(states)
    expected = [model(features, actions), *model.field(features)(actions)]
    monkeypatch.setattr(energy_field, "BLOCK_ROWS", rows)
    for found, tensor in zip([model(features, actions), *model.field(features)(actions)], expected, strict=True):
        torch.testing.assert_close(found, tensor, rtol=0, atol=1e-13)


def test_energies_do_not_depend_on_the_number_of_threads():
    model, states, actions = energies_at(SHAPES[2])
    features = model.features(states)
    use_threads(2)
    side_by_side = model.field(features)(actions)
    use_threads(1)
    for found, expected in zip(side_by_side, model.field(features)(actions), strict=True):
        assert torch.equal(found, expected)


@torch.no_grad()
def test_a_field_is_infinite_outside_the_range_and_unchanged_inside():
    model, states, actions = energies_at(SHAPES[2])
    features = model.features(states)
    expected, slopes = model.field(features)(actions)
    actions[0, 1:3, :, 2] = 1.001
    actions[2, 4, 0, 0] = -2
    outside = (actions.abs() > 1).any(-1)
    energies, gradients = model.field(features)(actions)
    assert outside.sum() == 2 * CHAINS + 1
    assert (energies[outside] == torch.inf).all()
    torch.testing.assert_close(energies[~outside], expected[~outside], rtol=0, atol=1e-13)
    torch.testing.assert_close(gradients[~outside], slopes[~outside], rtol=0, atol=1e-13)
    assert model(features, actions).isfinite().all()
    nowhere, _ = model.field(features)(actions + 5)
    assert (nowhere == torch.inf).all()


@torch.no_grad()
def test_a_members_weights_change_no_other_members_energies():
    model, states, actions = energies_at(SHAPES[2])
    features = model.features(states)
    before, slopes = model.field(features)(actions)
    for parameter in model.net.parameters():
        parameter[1] += torch.randn_like(parameter[1])
    after, new_slopes = model.field(model.features(states))(actions)
    for member, changed in ((0, False), (1, True), (2, False)):
        assert torch.equal(after[member], before[member]) != changed
        assert torch.equal(new_slopes[member], slopes[member]) != changed


def test_initial_weights_differ_between_members_and_depend_only_on_the_generator():
    one, same, other = (new_energy(SHAPES[0], torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    for weight, again, another in zip(*(model.net.parameters() for model in (one, same, other)), strict=True):
        assert torch.equal(weight, again)
        assert not torch.equal(weight, another)
        assert not torch.equal(weight[0], weight[1])


@torch.no_grad()
def test_rounding_changes_energies_and_gradients_little():
    generator = torch.Generator().manual_seed(5)
    model = new_energy(EnergyShape(20, 4, members=2, width=128, depth=6), generator)
    for weight in model.net.weights:
        weight.mul_(3)
    states = torch.randn(2, 10, 20, generator=generator)
    actions = torch.rand(2, 10, 40, 4, generator=generator) * 2 - 1
    expected, slopes = model.field(model.features(states))(actions)
    rounded = model.rounded()
    energies, gradients = rounded.field(rounded.features(states))(actions)
    assert energies.dtype == gradients.dtype == torch.float32
    assert torch.equal(energies, rounded(rounded.features(states), actions))
    assert 0 < (energies - expected).std() < 0.01 * expected.std()
    assert 0 < (gradients - slopes).norm() < 0.2 * slopes.norm()  # a ReLU near its kink may switch
    assert model.net.weights[1].dtype == torch.float32


def test_a_single_hidden_layer_has_nothing_to_round():
    model = new_energy(SHAPES[1], torch.Generator().manual_seed(5))
    parameters = model.rounded().net.parameters()
    assert all(one is other for one, other in zip(parameters, model.net.parameters(), strict=True))
