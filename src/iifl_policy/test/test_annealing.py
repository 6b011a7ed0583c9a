"""Annealed importance sampling agrees with numerical integration, even where unweighted chains do not.

Twenty equal states stand for twenty seeds: their chains are independent.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from analytic import Analytic, boltzmann, gaussian, grid, in_double, jeffreys_by_integration, mixture

from iifl_policy.annealing import AnnealedImportance, Tempered
from iifl_policy.energy import EnergyShape, new_energy
from iifl_policy.jeffreys import jeffreys
from iifl_policy.langevin import CORRECTED

SEEDS, CHAINS = 20, 512
ANNEALED = AnnealedImportance()


def log_partition(energy, action_dim):
    """Log of the integral of exp(-E) over the range, by the midpoint rule."""
    points = grid(action_dim, 20_000 if action_dim == 1 else 800)
    energies_G = energy(torch.zeros(1, 1, 1, dtype=torch.float64), points)[0]
    return (torch.logsumexp(-energies_G, -1) + action_dim * math.log(2) - math.log(len(energies_G))).item()


def run(*energies, action_dim=1):
    model, features = Analytic(action_dim, *energies), torch.zeros(len(energies), SEEDS, 1)
    return model, features, *ANNEALED.anneal(model, features, CHAINS, torch.Generator().manual_seed(0))


UNEQUAL = mixture((0.9, -0.6, 0.1), (0.1, 0.6, 0.1))
ENERGIES = {
    "Gaussian": (gaussian(0.3, 16.0), 1),
    "narrow": (gaussian(-0.2, 400.0), 1),
    "very narrow": (gaussian(-0.2, 1e4), 1),
    "truncated by the range": (gaussian(0.95, 16.0), 1),
    "far modes of unequal masses": (UNEQUAL, 1),
    "far modes of unequal widths": (mixture((0.9, -0.6, 0.05), (0.1, 0.6, 0.2)), 1),
    "in the plane": (gaussian(0.15, 100.0), 2),
    "modes in the plane": (mixture((0.8, -0.5, 0.15), (0.2, 0.5, 0.15)), 2),
}


@pytest.mark.parametrize("name", ENERGIES)
def test_log_partition_is_that_of_numerical_integration(name):
    energy, action_dim = ENERGIES[name]
    _, _, _, partition = run(energy, action_dim=action_dim)
    logs, errors, sizes = (
        part[0] for part in (partition.logs_EB, partition.standard_errors_EB, partition.effective_sizes_EB)
    )
    expected = log_partition(energy, action_dim)
    assert abs(logs.mean().item() - expected) <= 4 * logs.std().item() / SEEDS**0.5
    # The standard error of each estimate is the spread of the estimates, which 20 of them determine to about a third.
    assert 0.5 < errors.mean() / logs.std() < 1.7
    assert (sizes > CHAINS / 4).all()


def test_a_narrow_gaussian_has_the_textbooks_partition_function():
    _, _, _, partition = run(gaussian(0.0, 100.0), action_dim=3)
    assert partition.logs_EB.mean().item() == pytest.approx(1.5 * math.log(2 * math.pi / 100), abs=0.02)


def test_a_flat_energy_is_estimated_exactly():
    _, _, samples, partition = run(lambda _, actions: 0 * actions.sum(-1) - 100.0, action_dim=2)
    torch.testing.assert_close(partition.logs_EB, torch.full((1, SEEDS), 100 + 2 * math.log(2)))
    torch.testing.assert_close(partition.effective_sizes_EB, torch.full((1, SEEDS), float(CHAINS)))
    torch.testing.assert_close(samples.weights_EBK, torch.full((1, SEEDS, CHAINS), 1 / CHAINS))
    assert partition.standard_errors_EB.amax() < 1e-3


def test_weights_correct_the_masses_of_far_modes():
    points = grid(1, 20_000)
    expected = boltzmann(UNEQUAL, points)[points[0, :, 0] > 0].sum().item()
    model, features, samples, _ = run(UNEQUAL)
    right = (samples.actions_EBKA[..., 0] > 0).float()
    masses = (samples.weights_EBK * right).sum(-1)
    assert masses.mean().item() == pytest.approx(expected, abs=0.01)
    chains = CORRECTED.sample(model, features, CHAINS, torch.Generator().manual_seed(0))
    assert (chains.actions_EBKA > 0).float().mean() > 2 * expected


def test_weighted_samples_follow_the_distribution():
    _, _, samples, _ = run(gaussian(0.95, 16.0))
    points = grid(1, 20_000)
    p_G, a_G = boltzmann(gaussian(0.95, 16.0), points), points[0, :, 0]
    for power in (1, 2):
        found = (samples.weights_EBK.unsqueeze(-1) * samples.actions_EBKA**power).sum((2, 3))
        expected = (p_G * a_G**power).sum().item()
        assert abs(found.mean().item() - expected) <= 3 * found.std().item() / SEEDS**0.5


PAIRS = {
    "means": (gaussian(-0.2, 16.0), gaussian(0.2, 16.0), 1),
    "widths": (gaussian(0.0, 16.0), gaussian(0.0, 64.0), 1),
    "masses of far modes": (
        mixture((0.9, -0.5, 0.15), (0.1, 0.5, 0.15)),
        mixture((0.1, -0.5, 0.15), (0.9, 0.5, 0.15)),
        1,
    ),
    "in the plane": (gaussian(-0.15, 12.0), gaussian(0.15, 24.0), 2),
}


@pytest.mark.parametrize(("one", "two", "action_dim"), PAIRS.values(), ids=PAIRS)
def test_divergence_is_that_of_numerical_integration(one, two, action_dim):
    expected = jeffreys_by_integration(one, two, action_dim)
    model, features, samples, _ = run(one, two, action_dim=action_dim)
    found, errors = jeffreys(model, features, samples)
    assert abs(found.mean().item() - expected) <= max(3 * found.std().item() / SEEDS**0.5, 0.05 * expected)
    assert 0.5 < errors.mean() / found.std() < 1.7


def steepened(factor):
    """An untrained ensemble with its energies multiplied, and features of four states, in double precision."""
    generator = torch.Generator().manual_seed(7)
    model = new_energy(EnergyShape(4, 2, width=32, depth=2), generator)
    model.net.weights[-1].mul_(factor)
    model = in_double(model)
    return model, model.features(torch.randn(2, 4, 4, generator=generator, dtype=torch.float64))


@pytest.fixture(scope="module")
def network():
    """Slopes of about 5 nats per half range."""
    return steepened(100)


def integrals(model, features):
    """Log partition functions (E, B) and Jeffreys divergences (B,) of two action dimensions, by the midpoint rule."""
    points = grid(2, 300)
    energies_EBG = model(features, points.expand(*features.shape[:2], -1, -1))
    logs_EB = torch.logsumexp(-energies_EBG, -1) + 2 * math.log(2) - math.log(points.shape[1])
    gaps_EBG = energies_EBG.flip(0) - energies_EBG
    return logs_EB, (torch.softmax(-energies_EBG, -1) * gaps_EBG).sum(-1).sum(0)


# In the steep network, chains do not move between far modes and are off by up to a tenth.
@pytest.mark.parametrize(("factor", "slack"), [(30, 0.0), (100, 0.1)], ids=["gentle", "steep"])
def test_integration_annealing_and_langevin_agree_on_a_network(factor, slack):
    ensemble = steepened(factor)
    logs_EB, divergences_B = integrals(*ensemble)
    assert logs_EB.std() > 0.5
    assert divergences_B.amin() > 0.4

    samples, partition = ANNEALED.anneal(*ensemble, CHAINS, torch.Generator().manual_seed(0))
    torch.testing.assert_close(samples.energies_EBK, ensemble[0](ensemble[1], samples.actions_EBKA))
    assert ((partition.logs_EB - logs_EB).abs() <= 3 * partition.standard_errors_EB).all()
    annealed, annealed_error = jeffreys(*ensemble, samples)
    assert ((annealed - divergences_B).abs() <= 3 * annealed_error).all()

    chains = CORRECTED.sample(*ensemble, CHAINS, torch.Generator().manual_seed(1))
    langevin, langevin_error = jeffreys(*ensemble, chains)
    errors = (annealed_error.square() + langevin_error.square()).sqrt()
    assert ((annealed - langevin).abs() <= 3 * errors + slack * annealed).all()


def test_the_same_generator_state_gives_the_same_result(network):
    short = replace(ANNEALED, temperatures=5)
    one, same, other = (short.anneal(*network, 50, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one[0].actions_EBKA, same[0].actions_EBKA)
    assert torch.equal(one[0].weights_EBK, same[0].weights_EBK)
    assert torch.equal(one[1].logs_EB, same[1].logs_EB)
    assert not torch.equal(one[1].logs_EB, other[1].logs_EB)
    partition = short.log_partition(*network, 50, torch.Generator().manual_seed(1))
    assert torch.equal(partition.logs_EB, one[1].logs_EB)


def test_a_constant_added_to_the_energy_is_subtracted_from_log_z_and_leaves_the_samples(network):
    short, (shifted_model, features) = replace(ANNEALED, temperatures=5), steepened(100)
    shifted_model.net.biases[-1].add_(100)
    plain, partition = short.anneal(*network, 50, torch.Generator().manual_seed(1))
    shifted, lower = short.anneal(shifted_model, features, 50, torch.Generator().manual_seed(1))
    torch.testing.assert_close(lower.logs_EB, partition.logs_EB - 100)
    torch.testing.assert_close(shifted.actions_EBKA, plain.actions_EBKA)
    torch.testing.assert_close(shifted.weights_EBK, plain.weights_EBK)


def test_a_tempered_energy_is_the_energy_times_beta(network):
    model, features = network
    tempered = Tempered(model, 0.25)
    actions = torch.rand(2, 4, 30, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
    energies, gradients = model.field(features)(actions)
    found, slopes = tempered.field(features)(actions)
    torch.testing.assert_close(found, energies / 4)
    torch.testing.assert_close(slopes, gradients / 4)
    torch.testing.assert_close(tempered(features, actions), energies / 4)
    assert tempered.action_dim == 2


def test_inverse_temperatures_rise_to_one():
    betas = ANNEALED.betas()
    assert len(betas) == 100
    assert sorted(betas) == betas
    assert (betas[0], betas[49], betas[-1]) == (pytest.approx(1e-6), 0.125, 1.0)
