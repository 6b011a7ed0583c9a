"""Integrated divergences agree with scipy, and the samplers have the documented errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from fleet_experiments.jeffreys.divergences import PAIRS, divergences
from fleet_experiments.jeffreys.integration import integrated
from fleet_experiments.results import groups


def density(modes):
    return lambda a: sum(weight * stats.norm.pdf(a, mean, deviation) for weight, mean, deviation in modes)


@pytest.mark.parametrize("name", PAIRS)
def test_divergences_equal_those_of_truncated_mixtures(name):
    first, second = density(PAIRS[name].first), density(PAIRS[name].second)
    z_1, z_2 = integrate.quad(first, -1, 1)[0], integrate.quad(second, -1, 1)[0]
    truth, _ = integrate.quad(
        lambda a: (first(a) / z_1 - second(a) / z_2) * np.log(first(a) / z_1 / (second(a) / z_2)), -1, 1
    )
    assert integrated(PAIRS[name], torch.zeros(1)).item() == pytest.approx(truth, rel=1e-5)


@pytest.mark.parametrize("name", PAIRS)
def test_gradients_equal_those_of_autograd(name):
    actions = torch.linspace(-1, 1, 21, dtype=torch.float64).expand(2, 1, -1).unsqueeze(-1).clone().requires_grad_()
    energies, gradients = PAIRS[name].field(torch.zeros(2, 1, 1))(actions)
    (expected,) = torch.autograd.grad(energies.sum(), actions)
    torch.testing.assert_close(gradients, expected)


@pytest.mark.slow
def test_only_the_reference_misses_divergences_of_width():
    shares = {
        name: np.mean([row["share"] for row in rows])
        for name, rows in groups(divergences(range(5)), ["env", "algo"])
        if name[0] == "other widths"
    }
    assert shares.pop(("other widths", "Langevin, reference")) < 0.2
    assert all(share == pytest.approx(1, abs=0.1) for share in shares.values())
