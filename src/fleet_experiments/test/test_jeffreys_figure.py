"""Figure 2: the divergence peaks at the means, vanishes where the energies are equal, and is independent of the offset."""

from __future__ import annotations

import json

import pytest
import torch
from matplotlib.image import imread

from fleet_experiments.jeffreys.figure import EDGE, OFFSET, draw_jeffreys_figure
from fleet_experiments.jeffreys.gaussian_pair import GaussianPair
from fleet_experiments.jeffreys.integration import integrated

STATES = torch.linspace(-EDGE, EDGE, 301, dtype=torch.float64)


@pytest.fixture(scope="module")
def curve():
    return integrated(GaussianPair(), STATES)


def at(curve, state):
    return curve[(STATES - state).abs().argmin()].item()


def test_the_divergence_peaks_at_the_two_means(curve):
    inner = curve[1:-1]
    peaks = STATES[1:-1][(inner > curve[:-2]) & (inner > curve[2:])]
    torch.testing.assert_close(peaks, torch.tensor([-0.5, 0.5], dtype=torch.float64), rtol=0, atol=0.015)


def test_the_divergence_vanishes_at_the_center_and_the_edges(curve):
    assert curve.amin() >= 0
    for state in (-EDGE, 0.0, EDGE):
        assert at(curve, state) < 0.01 * at(curve, 0.5)


def test_the_curve_is_symmetric(curve):
    torch.testing.assert_close(curve, curve.flip(0), rtol=0, atol=1e-12)


def test_the_curve_is_independent_of_the_offset(curve):
    torch.testing.assert_close(integrated(GaussianPair(offset=OFFSET), STATES), curve, rtol=0, atol=1e-12)


def test_the_curve_is_converged(curve):
    torch.testing.assert_close(integrated(GaussianPair(), STATES, points=8000), curve, rtol=0, atol=1e-6)


def test_the_gradient_equals_that_of_autograd():
    generator = torch.Generator().manual_seed(0)
    pair = GaussianPair(offset=OFFSET)
    states, actions = (
        torch.rand(shape, generator=generator, dtype=torch.float64) * 2 - 1 for shape in ((2, 5, 1), (2, 5, 7, 1))
    )
    actions.requires_grad_()
    energies, gradients = pair.field(states)(actions)
    torch.testing.assert_close(energies, pair(states, actions))
    (expected,) = torch.autograd.grad(energies.sum(), actions)
    torch.testing.assert_close(gradients, expected)


def test_an_energy_is_minus_a_density():
    states = (torch.arange(-200, 201, dtype=torch.float64) / 100).view(1, -1, 1).expand(2, -1, 1)
    energies = GaussianPair()(states, states[0].view(1, 1, -1, 1).expand(2, states.shape[1], -1, 1))
    torch.testing.assert_close(-energies.sum((1, 2)) / 100**2, torch.ones(2, dtype=torch.float64))
    lowest = energies.flatten(1).argmin(-1)
    assert [states[0, index].item() for index in lowest // 401] == [-0.5, 0.5]


def test_the_picture_is_drawn_and_the_estimates_coincide(tmp_path):
    rows = draw_jeffreys_figure(tmp_path)
    height, width, _ = imread(tmp_path / "jeffreys.png").shape
    assert width > height > 500
    assert json.loads(json.dumps(rows)) == rows
    plain, shifted = ([row for row in rows if row["offset_nats"] == offset] for offset in (0.0, OFFSET))
    assert len(plain) == len(shifted) > 10
    for one, other in zip(plain, shifted, strict=True):
        assert one.keys() == other.keys()
        for name in one.keys() - {"offset_nats"}:
            assert one[name] == pytest.approx(other[name], abs=1e-9)
        slack = 4 * one["standard_error_nats"] + 1e-3
        assert one["langevin_nats"] == pytest.approx(one["integrated_nats"], abs=slack)
