"""Returns on human effort that were computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fleet_allocator.effort import (
    logged_return_on_human_effort,
    plotted_return_on_human_effort,
    return_on_human_effort,
)


def test_return_on_human_effort_is_equation_3():
    # M/N = 1/2, mean reward 9, 18 in the denominator.
    assert return_on_human_effort(robots=4, supervisors=2, reward=36.0, human_actions=17) == pytest.approx(0.25)
    assert return_on_human_effort(robots=100, supervisors=10, reward=0.0, human_actions=0) == 0.0


def test_the_logged_return_does_not_depend_on_the_sizes_of_the_fleet():
    assert logged_return_on_human_effort(reward=36.0, human_actions=17) == pytest.approx(2.0)
    assert logged_return_on_human_effort(reward=36.0, human_actions=0) == 36.0


def test_the_plotted_return_is_cumulative():
    rohe_T = plotted_return_on_human_effort(np.array([0, 1, 0, 2]), np.array([5, 0, 5, 20]))
    np.testing.assert_allclose(rohe_T, [0.0, 100 / 25, 100 / 30, 300 / 50])
