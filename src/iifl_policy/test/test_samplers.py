"""Distributions of the samplers: the bias of the reference has known values, and the others do what they claim."""

from __future__ import annotations

import pytest
import torch
from analytic import Analytic, boltzmann, gaussian, grid, jeffreys_by_integration, mixture

from iifl_policy.derivative_free import DerivativeFree
from iifl_policy.jeffreys import jeffreys
from iifl_policy.langevin import CORRECTED, REFERENCE, Langevin
from iifl_policy.uniform import Uniform


def draw(sampler, *energies, chains=4096, seed=0, action_dim=1):
    model, features = Analytic(action_dim, *energies), torch.zeros(len(energies), 1, 1)
    return model, features, sampler.sample(model, features, chains, torch.Generator().manual_seed(seed))


def estimate(sampler, *energies, seeds=10, chains=512):
    runs = []
    for seed in range(seeds):
        model, features, samples = draw(sampler, *energies, chains=chains, seed=seed)
        runs.append(jeffreys(model, features, samples)[0].item())
    return torch.tensor(runs)


def test_table_3_is_the_default():
    assert (CORRECTED.iterations, CORRECTED.first_step, CORRECTED.last_step, CORRECTED.decay_power) == (
        100,
        0.1,
        1e-5,
        2,
    )
    assert (CORRECTED.noise, CORRECTED.adjusted) == (1.0, True)


def test_the_references_steps_are_those_of_its_code():
    expected = {0: 0.1, 10: 0.0958, 25: 0.0740, 40: 0.0334, 49: 1e-5}
    steps = REFERENCE.steps()
    assert len(steps) == 50
    for iteration, step in expected.items():
        assert steps[iteration] == pytest.approx(step, abs=6e-5)


# Stiffness k of 0.5 k a^2: standard deviation of exp(-E), and of the reference's samples (measured).
WIDTHS = {4.0: (0.438, 0.155), 16.0: (0.250, 0.084), 64.0: (0.125, 0.046)}


@pytest.mark.parametrize("stiffness", WIDTHS)
def test_the_references_samples_are_too_narrow(stiffness):
    exact, reference = WIDTHS[stiffness]
    points = grid(1, 20_000)
    p_G = boltzmann(gaussian(0.0, stiffness), points)
    assert (p_G * points[0, :, 0].square()).sum().sqrt().item() == pytest.approx(exact, rel=0.01)
    found = {
        name: draw(sampler, gaussian(0.0, stiffness))[2].actions_EBKA.std().item()
        for name, sampler in (("corrected", CORRECTED), ("reference", REFERENCE))
    }
    assert found["corrected"] == pytest.approx(exact, rel=0.05)
    assert found["reference"] == pytest.approx(reference, rel=0.05)
    assert found["reference"] == pytest.approx(stiffness**-0.5 * 0.33, rel=0.13)  # temperature 0.109


# Pair of energies: ratio of the reference's estimate to the true divergence (measured).
BIASES = {
    "means": (gaussian(-0.2, 16.0), gaussian(0.2, 16.0), 1.0),
    "widths": (gaussian(0.0, 16.0), gaussian(0.0, 64.0), 0.105),
    "masses": (mixture((0.9, -0.5, 0.15), (0.1, 0.5, 0.15)), mixture((0.1, -0.5, 0.15), (0.9, 0.5, 0.15)), 0.07),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BIASES)
def test_the_references_divergence_depends_on_means_but_hardly_on_widths(name):
    one, two, share = BIASES[name]
    truth = jeffreys_by_integration(one, two)
    # Masses of modes that are far apart need longer chains.
    corrected = Langevin(iterations=800) if name == "masses" else CORRECTED
    assert estimate(corrected, one, two).mean().item() == pytest.approx(truth, rel=0.05)
    assert estimate(REFERENCE, one, two).mean().item() / truth == pytest.approx(share, abs=0.03)


CASES = {
    "Gaussians": (gaussian(-0.2, 16.0), gaussian(0.2, 30.0)),
    "modes": (mixture((0.8, -0.5, 0.1), (0.2, 0.5, 0.1)), mixture((0.2, -0.5, 0.1), (0.8, 0.5, 0.1))),
}


@pytest.mark.parametrize("name", CASES)
def test_weighted_uniform_actions_estimate_the_divergence(name):
    truth = jeffreys_by_integration(*CASES[name])
    found = estimate(Uniform(), *CASES[name], seeds=30)
    assert abs(found.mean().item() - truth) < max(3 * found.std().item() / 30**0.5, 0.02 * truth)
    model, features, samples = draw(Uniform(), *CASES[name], chains=512)
    assert 0.5 < jeffreys(model, features, samples)[1].item() / found.std().item() < 2


def test_weights_sum_to_one():
    for sampler in (Uniform(), CORRECTED, DerivativeFree()):
        _, _, samples = draw(sampler, *CASES["modes"], chains=100)
        torch.testing.assert_close(samples.weights_EBK.sum(-1), torch.ones(2, 1))


VALLEYS = {
    "one": lambda _, a: 40 * (a - 0.37).square().sum(-1),
    "kink at the edge": lambda _, a: 5 * (1 - a).sum(-1),
    "two, one deeper": lambda _, a: (
        -torch.logsumexp(torch.stack([1 - 100 * (a + 0.6).square().sum(-1), 2 - 100 * (a - 0.6).square().sum(-1)]), 0)
    ),
}
BEST = {"one": 0.37, "kink at the edge": 1.0, "two, one deeper": 0.6}


@pytest.mark.parametrize("sampler", [Uniform(), DerivativeFree(), CORRECTED, REFERENCE])
@pytest.mark.parametrize("name", VALLEYS)
@pytest.mark.parametrize("action_dim", [1, 2])
def test_the_best_action_is_that_of_a_grid_search(sampler, name, action_dim):
    points = grid(action_dim, 400)
    energies = VALLEYS[name](torch.zeros(1, 1, 1), points)
    expected = points[0, energies[0].argmin()]
    torch.testing.assert_close(expected.float(), torch.full((action_dim,), BEST[name]), rtol=0, atol=0.005)
    _, _, samples = draw(sampler, VALLEYS[name], chains=2048, action_dim=action_dim)
    allowed = 0.05 if action_dim == 2 else 0.01
    torch.testing.assert_close(samples.best(0)[0], expected.float(), rtol=0, atol=allowed)


def test_chains_can_start_at_given_actions():
    model, features = Analytic(1, VALLEYS["two, one deeper"]), torch.zeros(1, 1, 1)
    start = torch.full((1, 1, 64, 1), -0.6)
    short = Langevin(iterations=5, first_step=1e-3)
    samples = short.sample(model, features, 64, torch.Generator().manual_seed(0), start_EBKA=start)
    assert (samples.actions_EBKA < 0).all()
    assert torch.equal(start, torch.full((1, 1, 64, 1), -0.6))
