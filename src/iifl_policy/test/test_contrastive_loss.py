"""The loss is equation 5 plus the gradient penalty, and its gradient is that of finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from iifl_policy.energy import EnergyEnsemble, EnergyShape, new_energy
from iifl_policy.langevin import Langevin
from iifl_policy.loss import LossConfig, ensemble_loss, info_nce

UNIFORM = Langevin(iterations=0)
"""Counter-examples that do not depend on the energies."""


def equation_5(energies_BK):
    """Equation 5 as printed, with the mean instead of the sum."""
    losses = []
    for positive, *counter in energies_BK:
        denominator = np.exp(-positive) + sum(np.exp(-energy) for energy in counter)
        losses.append(-np.log(np.exp(-positive) / denominator))
    return np.mean(losses)


ENERGIES = arrays(
    np.float64, st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 9)), elements=st.floats(-30, 30)
)


@given(ENERGIES)
def test_info_nce_is_equation_5(energies_EBK):
    expected = [equation_5(member) for member in energies_EBK]
    np.testing.assert_allclose(info_nce(torch.from_numpy(energies_EBK)).numpy(), expected, rtol=1e-9, atol=1e-9)


@given(ENERGIES.filter(lambda energies: energies.shape[2] > 1), st.floats(0.01, 10))
def test_a_lower_energy_of_the_demonstrated_action_is_a_lower_loss(energies_EBK, drop):
    lower = energies_EBK.copy()
    lower[..., 0] -= drop
    before, after = (info_nce(torch.from_numpy(energies)) for energies in (energies_EBK, lower))
    assert (after < before).logical_or(before < 1e-9).all()


def test_huge_energies_do_not_overflow():
    energies = torch.tensor([[[1e4, -1e4]], [[-1e4, 1e4]]])
    assert info_nce(energies).tolist() == [2e4, 0.0]


def sloped(*slopes) -> EnergyEnsemble:
    """Energies slope * action, of one member per slope and one action dimension, everywhere on the range."""
    model = new_energy(EnergyShape(1, 1, members=len(slopes), width=1, depth=1), torch.Generator())
    for parameter in model.net.parameters():
        parameter.zero_()
    model.net.weights[0][:, 1] = 1.0  # weights of the action, not of the state
    model.net.biases[0][:] = 2.0  # the ReLU is active for every action in the range
    model.net.weights[1][:, 0, 0] = torch.tensor(slopes)
    return model


def loss_of(model, actions_EBA, config=LossConfig(sampler=UNIFORM), seed=0):
    states = torch.zeros(*actions_EBA.shape[:2], 1)
    return ensemble_loss(model, states, actions_EBA, config, torch.Generator().manual_seed(seed))


@given(
    slopes=st.lists(st.floats(-8, 8, width=32), min_size=1, max_size=3),
    margin=st.floats(0, 5),
    weight=st.sampled_from([0.0, 1.0, 2.5]),
)
def test_the_penalty_is_the_square_of_the_excess_over_the_margin(slopes, margin, weight):
    config = LossConfig(sampler=UNIFORM, gradient_margin=margin, gradient_weight=weight)
    loss, contrast_E, _ = loss_of(sloped(*slopes), torch.zeros(len(slopes), 4, 1), config)
    penalty = sum(max(0.0, abs(slope) - margin) ** 2 for slope in slopes)
    assert loss.item() - contrast_E.sum().item() == pytest.approx(weight * penalty, rel=1e-4, abs=1e-4)


def test_slopes_below_the_margin_are_not_penalised():
    config = LossConfig(sampler=UNIFORM, gradient_margin=3.0)
    loss, contrast_E, _ = loss_of(sloped(2.9, -2.9), torch.zeros(2, 4, 1), config)
    assert loss.item() == pytest.approx(contrast_E.sum().item(), abs=1e-6)


def test_only_the_steepest_dimension_is_penalised():
    model = new_energy(EnergyShape(1, 3, members=1, width=3, depth=1), torch.Generator())
    model.net.weights[0].zero_()[0, 1:] = torch.eye(3)
    model.net.biases[0].fill_(2.0)  # the ReLUs are active for every action in the range
    model.net.weights[1][0, :, 0] = torch.tensor([2.0, -6.0, 0.5])
    config = LossConfig(sampler=UNIFORM, gradient_margin=1.0)
    loss, contrast_E, _ = loss_of(model, torch.zeros(1, 4, 3), config)
    assert (loss - contrast_E.sum()).item() == pytest.approx((6.0 - 1.0) ** 2, rel=1e-5)


def test_demonstrations_of_low_energy_have_the_lowest_loss():
    down, up = (loss_of(sloped(3.0), torch.full((1, 64, 1), action))[1].item() for action in (-1.0, 1.0))
    chance = loss_of(sloped(0.0), torch.zeros(1, 64, 1))[1].item()
    assert chance == pytest.approx(np.log(9))  # one in nine: the demonstrated action and 8 counter-examples
    assert down < chance < up


def test_counter_examples_follow_the_energies():
    # Where counter-examples seek low energies, the same demonstrations look worse than among uniform ones.
    actions = torch.full((1, 256, 1), 0.0)
    uniform = loss_of(sloped(5.0), actions)[1].item()
    sought = loss_of(sloped(5.0), actions, LossConfig(sampler=Langevin(iterations=50)))[1].item()
    # -log(1 / (1 + 8 exp(5 - 1))): counter-examples lie about a fifth above the lower end.
    assert sought > uniform + 1
    assert sought == pytest.approx(np.log(1 + 8 * np.exp(4.0)), abs=0.5)


def test_rounded_counter_examples_follow_the_same_energies():
    """Rounding changes which counter-examples are drawn, but not the loss of given ones."""
    model = new_energy(EnergyShape(1, 2, width=32, depth=3), torch.Generator().manual_seed(0))
    model.net.weights[-1].mul_(40)
    actions, sought = torch.zeros(2, 512, 2), LossConfig(sampler=Langevin(iterations=20))
    states = torch.zeros(2, 512, 1)

    def contrasts(config, seed, *, rounded):
        return ensemble_loss(model, states, actions, config, torch.Generator().manual_seed(seed), rounded=rounded)[1]

    given = LossConfig(sampler=UNIFORM)
    assert torch.equal(contrasts(given, 0, rounded=True), contrasts(given, 0, rounded=False))
    exact, rounded = (
        torch.stack([contrasts(sought, seed, rounded=value) for seed in range(8)]) for value in (False, True)
    )
    assert not torch.equal(rounded, exact)
    # Four standard errors of the difference, from the spread between seeds.
    error_E = ((exact.var(0) + rounded.var(0)) / len(exact)).sqrt()
    assert ((rounded.mean(0) - exact.mean(0)).abs() < 4 * error_E).all()


def test_gradient_by_the_weights_is_that_of_central_differences():
    kind = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        generator = torch.Generator().manual_seed(0)
        net = new_energy(EnergyShape(2, 2, width=6, depth=2), generator).net.trainable()
        model = EnergyEnsemble(net, 2)
        states = torch.randn(2, 5, 2, generator=generator)
        actions = torch.rand(2, 5, 2, generator=generator) * 2 - 1
        config = LossConfig(sampler=UNIFORM, gradient_margin=0.01)

        def loss():
            return ensemble_loss(model, states, actions, config, torch.Generator().manual_seed(1))[0]

        total = loss()
        total.backward()
        checked = 0
        for parameter in net.parameters():
            flat, gradient = parameter.detach().view(-1), parameter.grad
            for index in range(0, len(flat), 5):
                original, step = flat[index].item(), 1e-6
                flat[index] = original + step
                above = loss().item()
                flat[index] = original - step
                below = loss().item()
                flat[index] = original
                assert gradient.view(-1)[index].item() == pytest.approx(
                    (above - below) / (2 * step), rel=1e-4, abs=1e-7
                )
                checked += gradient.view(-1)[index].item() != 0
        assert checked > 20
    finally:
        torch.set_default_dtype(kind)
