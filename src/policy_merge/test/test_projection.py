"""Projections agree with slower or exhaustive ones."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_merge.projection import hard_projection, soft_projection


def matrix(seed, units, spread=1.0):
    return spread * torch.randn(units, units, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def in_log_domain(matrix_nn, temperature, iterations):
    logs_nn = matrix_nn / temperature
    for _ in range(iterations):
        logs_nn = logs_nn - logs_nn.logsumexp(1, keepdim=True)
        logs_nn = logs_nn - logs_nn.logsumexp(0, keepdim=True)
    return logs_nn.exp()


@given(st.integers(0, 1000), st.integers(1, 9), st.sampled_from([0.1, 1.0, 5.0]), st.integers(1, 30))
@settings(deadline=None)
def test_scaling_vectors_is_normalising_in_the_log_domain(seed, units, temperature, iterations):
    own = matrix(seed, units)
    projected = soft_projection(own, temperature, iterations)
    torch.testing.assert_close(projected, in_log_domain(own, temperature, iterations), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(projected.sum(0), torch.ones(units).double())


def test_the_soft_projection_maximises_inner_product_and_entropy():
    own, temperature = matrix(3, 4), 0.7
    best = soft_projection(own, temperature, 500)
    torch.testing.assert_close(best.sum(1), torch.ones(4).double())

    def value(doubly_nn):
        return float((doubly_nn * own).sum() - temperature * (doubly_nn * doubly_nn.log()).sum())

    for seed in range(20):
        other = soft_projection(matrix(100 + seed, 4), 1.0, 500)
        assert value(0.9 * best + 0.1 * other) < value(best)


def test_gradients_are_those_of_finite_differences():
    own = matrix(5, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda tensor: soft_projection(tensor, 0.5), (own,))


@pytest.mark.parametrize("seed", range(10))
def test_the_hard_projection_is_the_best_permutation_and_the_limit_of_soft_ones(seed):
    own = matrix(seed, 5)
    best = max(permutations(range(5)), key=lambda order: float(own[torch.arange(5), torch.tensor(order)].sum()))
    assert hard_projection(own).tolist() == list(best)
    assert soft_projection(own, 0.005, 3000).argmax(1).tolist() == list(best)
