"""Merges without data agree with calculations by hand."""

from __future__ import annotations

import torch

from policy_merge.averaging import averaged, interpolated, task_arithmetic, ties

START = {"a": torch.tensor([1.0, 1.0]), "b": torch.tensor([[0.0]])}
FIRST = {"a": torch.tensor([3.0, 0.0]), "b": torch.tensor([[-4.0]])}
SECOND = {"a": torch.tensor([2.0, 2.5]), "b": torch.tensor([[1.0]])}


def values(network):
    return [*network["a"].tolist(), network["b"].item()]


def test_the_mean_and_what_is_between():
    assert values(averaged([FIRST, SECOND])) == [2.5, 1.25, -1.5]
    assert values(interpolated(FIRST, SECOND, 0.25)) == [2.25, 1.875, -0.25]


def test_task_arithmetic_adds_changes():
    assert values(task_arithmetic(START, [FIRST, SECOND], 0.5)) == [2.5, 1.25, -1.5]


def test_ties_keeps_large_changes_of_the_sign_that_outweighs():
    # Changes are (2, -1, -4) and (1, 1.5, 1); two of three are kept of each: (2, 0, -4) and (1, 1.5, 0) or (0, 1.5, 1).
    first, second = FIRST, SECOND | {"b": torch.tensor([[0.5]])}
    assert values(ties(START, [first, second], kept=2 / 3, scale=1.0)) == [2.5, 2.5, -4.0]
    assert values(ties(START, [first], kept=1.0, scale=0.5)) == [2.0, 0.5, -2.0]
