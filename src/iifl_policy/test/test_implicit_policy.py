"""The action is the first member's sample of lowest energy, and the uncertainty is the members' divergence."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from analytic import jeffreys_by_integration

from fleet_learning.scaling import Scaling
from iifl_policy.energy import EnergyShape, new_energy
from iifl_policy.implicit import ImplicitConfig, ImplicitPolicy

LOW, HIGH = -0.05, 0.05
STEEP = 12.0


def valleys(first: float, second: float) -> ImplicitPolicy:
    """Member e has the energy STEEP * sum |a - valley_e - s| over two action dimensions, made of ReLUs."""
    shape = EnergyShape(1, 2, width=4, depth=1)
    model = new_energy(shape, torch.Generator())
    for parameter in model.net.parameters():
        parameter.zero_()
    for member, valley in enumerate((first, second)):
        for unit, (dimension, sign) in enumerate(((1, 1), (1, -1), (2, 1), (2, -1))):
            model.net.weights[0][member, dimension, unit] = sign
            model.net.weights[0][member, 0, unit] = -sign
            model.net.biases[0][member, 0, unit] = -sign * valley
    model.net.weights[1][:] = STEEP
    scaling = Scaling(torch.zeros(1), torch.ones(1), torch.full((2,), LOW), torch.full((2,), HIGH))
    return ImplicitPolicy(ImplicitConfig(shape, chains=2000), model, scaling)


def along(valley: float):
    """One dimension of that energy at the state 0."""
    return lambda _, actions: STEEP * (actions[..., 0] - valley).abs()


def test_the_first_members_valley_is_the_action_in_the_robots_units():
    states = np.array([[0.0], [0.3], [-0.5]])
    decision = valleys(0.2, -0.3).decide(states, torch.Generator().manual_seed(0))
    expected = (0.2 + states) * HIGH * np.ones((1, 2))
    np.testing.assert_allclose(decision.actions_NA, expected, rtol=0, atol=0.02 * HIGH)
    assert decision.actions_NA.dtype == decision.uncertainties_N.dtype == np.float64


def test_uncertainty_is_the_divergence_between_the_members():
    expected = 2 * jeffreys_by_integration(along(0.2), along(-0.1))  # dimensions are independent and add up
    decision = valleys(0.2, -0.1).decide(np.zeros((30, 1)), torch.Generator().manual_seed(0))
    assert decision.uncertainties_N.mean() == pytest.approx(expected, rel=0.03)
    assert decision.uncertainties_N.std() == pytest.approx(decision.standard_errors_N.mean(), rel=0.5)
    swapped = valleys(-0.1, 0.2).decide(np.zeros((30, 1)), torch.Generator().manual_seed(0))
    assert swapped.uncertainties_N.mean() == pytest.approx(expected, rel=0.03)


def test_members_that_agree_have_no_uncertainty():
    decision = valleys(0.2, 0.2).decide(np.zeros((3, 1)), torch.Generator().manual_seed(0))
    np.testing.assert_allclose(decision.uncertainties_N, 0, atol=1e-5)


@pytest.mark.parametrize("valley", [-3.0, 3.0])
def test_a_valley_outside_gives_an_action_inside(valley):
    decision = valleys(valley, valley).decide(np.zeros((20, 1)), torch.Generator().manual_seed(0))
    assert (decision.actions_NA >= LOW).all()
    assert (decision.actions_NA <= HIGH).all()
    np.testing.assert_allclose(decision.actions_NA, np.sign(valley) * HIGH, rtol=0.01)


def test_equal_generator_states_give_equal_decisions_with_the_configured_sampling():
    policy = valleys(0.2, -0.3).with_sampling(50, 7)
    config = policy.config
    assert (config.chains, config.sampler.iterations, config.sampler.first_step) == (50, 7, 0.1)
    one, same, other = (policy.decide(np.zeros((3, 1)), torch.Generator().manual_seed(seed)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one.actions_NA, same.actions_NA)
    np.testing.assert_array_equal(one.uncertainties_N, same.uncertainties_N)
    assert not np.array_equal(one.actions_NA, other.actions_NA)
