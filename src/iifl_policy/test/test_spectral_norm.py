"""Spectrally normalised layers have a largest singular value of one, and fold into plain weights."""

from __future__ import annotations

import numpy as np
import torch

from fleet_learning.perceptron import Perceptrons, new_perceptrons
from iifl_policy.spectral import SpectralNorm, folded


def net(scale=3.0) -> Perceptrons:
    made = new_perceptrons(2, [5, 16, 16, 1], torch.Generator().manual_seed(0))
    return Perceptrons(tuple(weight * scale for weight in made.weights), made.biases)


def largest(weight) -> list[float]:
    return [np.linalg.svd(member.numpy(), compute_uv=False)[0] for member in weight]


def test_hidden_layers_have_a_largest_singular_value_of_one():
    for normalised in (folded(net()), SpectralNorm(net())(net())):
        for weight in normalised.weights[:-1]:
            np.testing.assert_allclose(largest(weight), 1, rtol=1e-5)
        assert torch.equal(normalised.weights[-1], net().weights[-1])
        for bias, original in zip(normalised.biases, net().biases, strict=True):
            assert torch.equal(bias, original)


def test_folding_twice_is_folding_once():
    once = folded(net())
    for weight, again in zip(once.weights, folded(once).weights, strict=True):
        torch.testing.assert_close(weight, again)


def test_power_iteration_tracks_changing_weights():
    spectral, generator = SpectralNorm(net()), torch.Generator().manual_seed(1)
    weights = list(net().weights)
    for _ in range(200):
        weights = [weight + 0.002 * torch.randn(weight.shape, generator=generator) for weight in weights]
        normalised = spectral(Perceptrons(tuple(weights), net().biases))
    for weight in normalised.weights[:-1]:
        np.testing.assert_allclose(largest(weight), 1, rtol=0.02)


def test_gradient_is_that_of_central_differences():
    """The gradient is that of the exact norm, whose singular vectors are constants, as in Miyato et al."""
    weights = [weight.double() for weight in net().weights]
    exact = weights[1].clone().requires_grad_()
    direction = torch.randn(exact.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def value(weight):
        parts = Perceptrons((weights[0], weight, weights[2]), tuple(bias.double() for bias in net().biases))
        return (SpectralNorm(parts)(parts).weights[1] * direction).sum()

    (gradient,) = torch.autograd.grad(value(exact), exact)
    step = torch.zeros_like(exact)
    for place in ((0, 3, 4), (1, 15, 0)):
        step[place] = 1e-6
        difference = (value(exact.detach() + step) - value(exact.detach() - step)) / 2e-6
        torch.testing.assert_close(gradient[place], difference, rtol=1e-4, atol=1e-6)
        step[place] = 0
