"""Merged linear controllers do what each of several equivalent ones does."""

from __future__ import annotations

import numpy as np
import pytest

from policy_merge.linear_controller import (
    LinearController,
    _misfit_under,
    _nearest_change,
    _nearest_controller,
    averaged_controllers,
    merged_by_permutation,
    merged_by_transformation,
)

MERGES = (averaged_controllers, merged_by_permutation, merged_by_transformation)


def controller(seed):
    random = np.random.default_rng(seed)
    return LinearController(0.3 * random.normal(size=(4, 4)), random.normal(size=(4, 6)), random.normal(size=(2, 4)))


def observed(seed=0):
    return np.random.default_rng(seed).normal(size=(20, 6))


def error(merged, expected):
    return float(np.abs(merged.controls(observed()) - expected.controls(observed())).max())


def permuted(one, seed):
    return one.transformed(np.eye(4)[np.random.default_rng(seed).permutation(4)])


def changed(one, seed):
    return one.transformed(np.random.default_rng(seed).normal(size=(4, 4)) + 2 * np.eye(4))


def test_controls_do_not_depend_on_the_basis_of_the_hidden_state():
    assert error(changed(controller(0), 1), controller(0)) < 1e-10


@pytest.mark.parametrize("merge", MERGES)
def test_equal_controllers_stay_what_they_are(merge):
    assert error(merge([controller(1)] * 3), controller(1)) < 1e-10


@pytest.mark.parametrize("seed", range(5))
def test_two_permuted_controllers_become_one(seed):
    one = controller(seed)
    both = [one, permuted(one, seed + 50)]
    assert error(merged_by_permutation(both), one) < 1e-10
    assert error(merged_by_transformation(both), one) < 1e-8


@pytest.mark.parametrize("seed", range(5))
def test_equivalent_controllers_become_one_by_linear_changes_alone(seed):
    one = controller(seed)
    several = [changed(one, seed + 10 * number) for number in range(1, 4)]
    assert error(merged_by_transformation(several), one) < 1e-6
    assert error(merged_by_permutation(several), one) > 0.1
    assert error(averaged_controllers(several), one) > 0.1


def test_opposite_controllers_do_not_cancel():
    """The disconnected case of proposition G.1, in which the mean of both is the controller that does nothing."""
    one = controller(3)
    opposite = LinearController(one.state, -one.observation, -one.control)
    assert error(opposite, one) < 1e-12
    assert np.abs(averaged_controllers([one, opposite]).control).max() == 0
    assert error(merged_by_transformation([one, opposite]), one) < 1e-8


def test_both_halves_of_the_alternation_minimise_the_misfit():
    controllers, merged, random = [controller(0), controller(1)], controller(2), np.random.default_rng(0)
    change = _nearest_change(controllers[0], merged)
    least = _misfit_under(controllers[0], change, merged)
    changes = [random.normal(size=(4, 4)) for _ in controllers]
    best = _nearest_controller(controllers, changes)

    def total(candidate):
        return sum(_misfit_under(*pair, candidate) for pair in zip(controllers, changes, strict=True))

    for _ in range(50):
        assert _misfit_under(controllers[0], change + 0.01 * random.normal(size=(4, 4)), merged) > least
        nearby = LinearController(
            *(part + 0.01 * random.normal(size=part.shape) for part in (best.state, best.observation, best.control))
        )
        assert total(nearby) > total(best)
