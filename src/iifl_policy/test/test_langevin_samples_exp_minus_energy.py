"""Samples follow exp(-E) on the action range, checked by numerical integration, for any step sizes.

Statistics of 20,000 independent chains lie within 4 standard errors of the integrals; the chains' finite length adds up to
0.005 of half the action range, and 0.01 to the mass of a mode.
"""

from __future__ import annotations

import pytest
import torch
from analytic import Analytic, boltzmann, gaussian, grid, mixture

from iifl_policy.energy import EnergyShape, new_energy
from iifl_policy.langevin import Langevin

SEEDS, CHAINS = 4, 5000
LINE = {
    "flat": lambda _, a: 0 * a.sum(-1),
    "Gaussian": gaussian(0.3, 16.0),
    "narrow": gaussian(-0.2, 400.0),
    "truncated by the range": gaussian(0.95, 16.0),
    "piled up at the edge": lambda _, a: 10 * a.sum(-1),
    "with a kink": lambda _, a: 20 * (a - 0.1).abs().sum(-1),
    "two overlapping modes": mixture((0.7, -0.4, 0.25), (0.3, 0.4, 0.25)),
    "three modes": mixture((0.2, -0.7, 0.1), (0.5, 0.0, 0.1), (0.3, 0.6, 0.15)),
}
PLANE = {
    "stretched and turned": lambda _, a: (
        4 * (a[..., 0] + a[..., 1]).square() + 30 * (a[..., 0] - a[..., 1] - 0.2).square()
    ),
    "ring": lambda _, a: 40 * (a.square().sum(-1).add(1e-12).sqrt() - 0.6).square(),
}
APART = mixture((0.7, -0.5, 0.15), (0.3, 0.5, 0.2))
CASES = [pytest.param(energy, 1, id=name) for name, energy in LINE.items()]
CASES += [pytest.param(energy, 2, id=name) for name, energy in PLANE.items()]


def draw(energy, action_dim, config=Langevin()):
    """Samples (SEEDS * CHAINS, A), with an independent generator per seed."""
    model, features = Analytic(action_dim, energy), torch.zeros(1, 1, 1)
    runs = [
        config.sample(model, features, CHAINS, torch.Generator().manual_seed(seed)).actions_EBKA
        for seed in range(SEEDS)
    ]
    return torch.cat(runs, 2)[0, 0].double()


def agree(samples_KA, energy, *, slack=0.005, mass_slack=0.01):
    """Means, second moments and masses of the orthants, against the midpoint rule."""
    count, action_dim = samples_KA.shape
    points_GA = grid(action_dim, 20_000 if action_dim == 1 else 500)
    p_G = boltzmann(energy, points_GA)
    points_GA = points_GA[0]
    features = {
        "mean": (lambda a: a, slack),
        "second moment": (lambda a: a.square(), slack),
        "product": (lambda a: a.prod(-1, keepdim=True), slack),
        "mass": (lambda a: (a > 0).double().prod(-1, keepdim=True), mass_slack),
        "mass beyond a half": (lambda a: (a > 0.5).double(), mass_slack),
    }
    for name, (feature, allowance) in features.items():
        expected = (p_G[:, None] * feature(points_GA)).sum(0)
        spread = ((p_G[:, None] * feature(points_GA).square()).sum(0) - expected.square()).clamp(min=0).sqrt()
        error = (feature(samples_KA).mean(0) - expected).abs()
        assert (error <= 4 * spread / count**0.5 + allowance).all(), f"{name}: off by {error.tolist()}"


@pytest.mark.parametrize(("energy", "action_dim"), CASES)
def test_samples_agree_with_numerical_integration(energy, action_dim):
    samples_KA = draw(energy, action_dim)
    assert samples_KA.abs().amax() <= 1
    agree(samples_KA, energy)


@pytest.mark.parametrize(
    "config",
    [
        Langevin(iterations=300, first_step=0.01, last_step=0.01),
        Langevin(iterations=100, first_step=0.5, last_step=0.01, decay_power=1.0),
        Langevin(iterations=100, first_step=0.05, last_step=0.02, most_move=0.5),
        Langevin(iterations=150, first_step=0.03, last_step=0.03, most_move=0.01),
    ],
    ids=["short", "long", "far by gradient", "hardly by gradient"],
)
@pytest.mark.parametrize("name", ["Gaussian", "truncated by the range", "two overlapping modes"])
def test_step_sizes_do_not_change_the_distribution(config, name):
    agree(draw(LINE[name], 1, config), LINE[name])


def test_longer_chains_give_far_modes_their_masses():
    points = grid(1, 20_000)
    expected = boltzmann(APART, points)[points[0, :, 0] > 0].sum().item()
    runs = [draw(APART, 1, Langevin(iterations=count)) for count in (25, 100, 800)]
    found = [(run > 0).double().mean().item() for run in runs]
    # Uniform starting points give both modes about a half.
    assert found[0] > found[1] > found[2]
    assert found[1] == pytest.approx(expected, abs=0.04)
    agree(runs[2], APART)


def test_the_width_is_that_of_exp_minus_energy_and_not_of_a_colder_one():
    # Noise scaled by 0.33 and no acceptance rule give 0.084 here.
    assert draw(gaussian(0.0, 16.0), 1).std().item() == pytest.approx(0.25, rel=0.02)


def test_every_state_and_member_has_its_own_distribution():
    model = Analytic(
        1,
        lambda states, actions: 50 * (actions - states).square().sum(-1),
        lambda states, actions: 50 * (actions + states).square().sum(-1),
    )
    states = torch.tensor([-0.6, 0.0, 0.6]).reshape(1, 3, 1).expand(2, 3, 1)
    samples = Langevin().sample(model, states, 2000, torch.Generator().manual_seed(0))
    actions, energies = samples.actions_EBKA, samples.energies_EBK
    assert actions.shape == (2, 3, 2000, 1)
    torch.testing.assert_close(energies, model(states, actions))
    expected = torch.stack([states[0, :, 0], -states[0, :, 0]])
    torch.testing.assert_close(actions.mean((2, 3)), expected, rtol=0, atol=4 * 0.1 / 2000**0.5)


@pytest.fixture(scope="module")
def network():
    """An untrained ensemble made steep, and features of three states."""
    generator = torch.Generator().manual_seed(7)
    model = new_energy(EnergyShape(4, 2, width=32, depth=2), generator)
    model.net.weights[-1].mul_(100)
    return model, model.features(torch.randn(2, 3, 4, generator=generator))


def test_samples_of_a_network_agree_with_numerical_integration(network):
    model, features = network
    samples = Langevin().sample(model, features, 5000, torch.Generator().manual_seed(0))
    actions, energies = samples.actions_EBKA, samples.energies_EBK
    points = grid(2, 200).float()
    p_EBG = torch.softmax(-model(features, points.expand(2, 3, -1, -1)).double(), -1)
    torch.testing.assert_close(energies, model(features, actions), rtol=1e-4, atol=1e-4)
    mean = torch.einsum("ebg,ga->eba", p_EBG, points[0].double())
    square = torch.einsum("ebg,ga->eba", p_EBG, points[0].double().square())
    spread = (square - mean.square()).sqrt()
    assert spread.amin() < 0.3  # of 0.58 for a flat energy: there is something to find
    assert ((actions.double().mean(2) - mean).abs() <= 4 * spread / 5000**0.5 + 0.005).all()
    torch.testing.assert_close(actions.double().std(2), spread, rtol=0.06, atol=0)


def test_the_same_generator_state_gives_the_same_samples(network):
    one, same, other = (
        Langevin(iterations=20).sample(*network, 50, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(one.actions_EBKA, same.actions_EBKA)
    assert torch.equal(one.energies_EBK, same.energies_EBK)
    assert not torch.equal(one.actions_EBKA, other.actions_EBKA)


def test_no_sample_ever_leaves_the_range():
    for slope in (-1e4, 1e4):
        samples = draw(lambda _, a, slope=slope: slope * a.sum(-1), 2)
        assert samples.abs().amax() <= 1


def test_steps_decay_from_first_to_last_by_the_polynomial():
    steps = Langevin(iterations=101).steps()
    assert (steps[0], steps[-1]) == (0.1, 1e-5)
    assert steps[50] == pytest.approx(1e-5 + (0.1 - 1e-5) / 4)
    assert sorted(steps, reverse=True) == steps
    assert Langevin(iterations=1).steps() == [0.1]
