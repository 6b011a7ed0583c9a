"""Equal keys give equal random streams, and different keys different ones."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from fleet_learning.randomness import torch_generator

KEYS = st.lists(st.integers(0, 3) | st.integers(0, 2**80), max_size=4).map(tuple)


def drawn(key) -> list[float]:
    return torch.rand(4, generator=torch_generator(*key)).tolist()


@given(KEYS)
def test_equal_keys_give_equal_streams(key):
    assert drawn(key) == drawn(key)


@given(KEYS, KEYS)
def test_different_keys_give_different_streams(one, two):
    assume(one != two)
    assert drawn(one) != drawn(two)


@pytest.mark.parametrize(("one", "two"), [((7,), (7, 0)), ((), (0,)), ((2**32,), (0, 1)), ((1, 2**32), (1, 0, 1))])
def test_keys_with_zeros_and_large_numbers_differ_too(one, two):
    assert drawn(one) != drawn(two)


def test_neighbouring_keys_are_as_independent_as_random_numbers():
    draws = torch.stack([torch.rand(1000, generator=torch_generator(0, tick)) for tick in range(50)])
    correlations = torch.corrcoef(draws) - torch.eye(50)
    assert correlations.abs().amax() < 5 / 1000**0.5
