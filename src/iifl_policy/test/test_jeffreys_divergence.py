"""Identity 1: the divergence from chains is that of its definition, symmetric and independent of partition functions."""

from __future__ import annotations

import math

import pytest
import torch
from analytic import Analytic, gaussian, in_double, jeffreys_by_integration, mixture
from hypothesis import given
from hypothesis import strategies as st

from iifl_policy.energy import EnergyEnsemble, EnergyShape, new_energy
from iifl_policy.jeffreys import jeffreys
from iifl_policy.langevin import CORRECTED
from iifl_policy.sampler import ActionSamples, equal_weights

SEEDS, CHAINS = 20, 512


def estimates(model, states_BS, chains=CHAINS):
    """Divergences and their standard errors over seeds, (SEEDS, B) each."""
    features = states_BS.expand(2, *states_BS.shape)
    runs = []
    for seed in range(SEEDS):
        samples = CORRECTED.sample(model, features, chains, torch.Generator().manual_seed(seed))
        runs.append(jeffreys(model, features, samples))
    return tuple(torch.stack(part).double() for part in zip(*runs, strict=True))


PAIRS = {
    "means": (gaussian(-0.2, 16.0), gaussian(0.2, 16.0), 1),
    "widths": (gaussian(0.0, 16.0), gaussian(0.0, 64.0), 1),
    "means and widths": (gaussian(-0.1, 9.0), gaussian(0.15, 36.0), 1),
    "same modes, other masses": (
        mixture((0.8, -0.4, 0.2), (0.2, 0.4, 0.2)),
        mixture((0.2, -0.4, 0.2), (0.8, 0.4, 0.2)),
        1,
    ),
    "one mode against two": (mixture((0.5, -0.4, 0.2), (0.5, 0.4, 0.2)), gaussian(0.4, 20.0), 1),
    "in the plane": (gaussian(-0.15, 12.0), gaussian(0.15, 24.0), 2),
}


@pytest.mark.parametrize(("one", "two", "action_dim"), PAIRS.values(), ids=PAIRS)
def test_divergence_is_that_of_numerical_integration(one, two, action_dim):
    expected = jeffreys_by_integration(one, two, action_dim)
    found, errors = (part[:, 0] for part in estimates(Analytic(action_dim, one, two), torch.zeros(1, 1)))
    of_mean = found.std() / SEEDS**0.5
    assert abs(found.mean() - expected) <= max(3 * of_mean, 0.05 * expected)
    # The standard error of each estimate is the spread of the estimates, which 20 of them determine to about a third.
    assert 0.5 < errors.mean() / found.std() < 1.7


def test_integration_gives_the_closed_form_of_gaussians():
    # They are narrow, so that the range truncates nothing.
    means, stiffness = (-0.05, 0.1), (400.0, 900.0)
    ratio = stiffness[0] / stiffness[1]
    expected = 0.5 * (ratio + 1 / ratio - 2) + 0.5 * (means[1] - means[0]) ** 2 * sum(stiffness)
    found = jeffreys_by_integration(gaussian(means[0], stiffness[0]), gaussian(means[1], stiffness[1]))
    assert found == pytest.approx(expected, rel=1e-6)


def hill(mean: float, offset: float):
    """Minus an isotropic Gaussian density over state and action, with an offset: an energy of the paper's figure 2."""

    def energy(states, actions):
        square = (states - mean).square().sum(-1) + (actions - mean).square().sum(-1)
        return offset - torch.exp(-square / (2 * 0.2**2)) / (2 * math.pi * 0.2**2)

    return energy


def test_figure_2_peaks_at_the_means_and_does_not_depend_on_the_offset():
    states = torch.tensor([-1.5, -0.5, 0.0, 0.5, 1.5]).unsqueeze(1)
    plain, shifted = (
        estimates(Analytic(1, hill(-0.5, offset), hill(0.5, 0.0)), states)[0].mean(0) for offset in (0.0, -100.0)
    )
    expected = torch.tensor([jeffreys_by_integration(hill(-0.5, 0.0), hill(0.5, 0.0), state=state) for state in states])
    torch.testing.assert_close(plain, expected.double(), rtol=0.05, atol=0.01)
    torch.testing.assert_close(shifted, plain, rtol=0.03, atol=0.01)
    assert expected[[0, 2, 4]].amax() < 0.3 * expected[[1, 3]].amin()


@pytest.fixture(scope="module")
def ensemble():
    """Two networks in double precision, with features, samples and energies."""
    generator = torch.Generator().manual_seed(0)
    model = in_double(new_energy(EnergyShape(3, 2, width=16, depth=2), generator))
    features = model.features(torch.randn(2, 4, 3, generator=generator, dtype=torch.float64))
    actions = torch.rand(2, 4, 30, 2, generator=generator, dtype=torch.float64) * 2 - 1
    return model, features, actions


@torch.no_grad()
def divergence(model, features, actions):
    energies = model(features, actions)
    return jeffreys(model, features, ActionSamples(actions, energies, equal_weights(energies)))


def changed(model, change) -> EnergyEnsemble:
    """The ensemble with `change` applied to every parameter."""
    return EnergyEnsemble(model.net.changed(change), model.state_dim)


@given(offset=st.floats(-1e4, 1e4), member=st.integers(0, 1))
def test_a_constant_added_to_one_energy_changes_nothing(ensemble, offset, member):
    model, features, actions = ensemble
    before, error = divergence(*ensemble)
    bias = model.net.biases[-1]
    original = bias.clone()
    try:
        bias[member] += offset
        after, new_error = divergence(model, features, actions)
    finally:
        bias.copy_(original)
    torch.testing.assert_close(after, before, rtol=0, atol=1e-10)
    torch.testing.assert_close(new_error, error, rtol=0, atol=1e-10)


def test_the_divergence_is_symmetric(ensemble):
    model, features, actions = ensemble
    turned = changed(model, lambda parameter: parameter.flip(0))
    one, two = divergence(*ensemble), divergence(turned, features.flip(0), actions.flip(0))
    torch.testing.assert_close(one, two, rtol=0, atol=1e-13)
    assert one[0].abs().amin() > 0


def test_equal_members_have_a_divergence_of_zero(ensemble):
    model, features, actions = ensemble
    twins = changed(model, lambda parameter: parameter[:1].expand_as(parameter))
    found, error = divergence(twins, features[:1].expand_as(features), actions)
    assert found.tolist() == error.tolist() == [0.0] * 4


@pytest.mark.parametrize("members", [1, 3])
def test_only_two_members_have_a_divergence(members):
    model = new_energy(EnergyShape(1, 1, members=members, width=2, depth=1), torch.Generator())
    with pytest.raises(ValueError, match=f"^Jeffreys divergence: expected 2 members, got {members}$"):
        divergence(model, torch.zeros(members, 1, 2), torch.zeros(members, 1, 2, 1))
