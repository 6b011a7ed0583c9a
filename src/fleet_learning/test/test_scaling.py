"""In model space, the data has mean 0 and standard deviation 1; scaled back, no action leaves the robot's range."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fleet_learning.scaling import Scaling, fit_scaling

BOUNDS = st.tuples(st.floats(-1000, 1000), st.floats(1e-4, 1000)).filter(lambda pair: pair[1] > 1e-3 * abs(pair[0]))
"""Lower bound and length of ranges that single precision can resolve."""


def scaling(low, high) -> Scaling:
    return Scaling(torch.zeros(1), torch.ones(1), torch.tensor([low]), torch.tensor([high]))


@given(bounds=BOUNDS, action=st.floats(-1, 1, width=32) | st.sampled_from([-1.0, 1.0, -0.99999994, 0.99999994]))
def test_no_action_leaves_the_range_even_in_double_precision(bounds, action):
    low, high = bounds[0], sum(bounds)
    sent = scaling(low, high).robot_actions(torch.tensor([action])).double().item()
    assert low <= sent <= high
    expected = low + (action + 1) / 2 * (high - low)
    assert abs(sent - expected) <= 1e-6 * max(abs(low), abs(high))


def test_bounds_that_single_precision_rounds_outwards_are_not_exceeded():
    assert float(np.float32(0.05)) > 0.05
    ends = scaling(-0.05, 0.05).robot_actions(torch.tensor([[-1.0], [1.0]])).double()
    assert ends.abs().amax() <= 0.05
    assert ends.abs().amin() > 0.05 * (1 - 1e-6)


@given(bounds=BOUNDS, share=st.floats(0, 1))
def test_the_range_maps_to_minus_one_to_one_and_back(bounds, share):
    low, high = bounds[0], sum(bounds)
    one = scaling(low, high)
    action = torch.tensor([low + share * (high - low)], dtype=torch.float32)
    assert abs(one.actions(action).item() - (2 * share - 1)) < 1e-3
    back = one.robot_actions(one.actions(action))
    torch.testing.assert_close(back, action, rtol=1e-5, atol=1e-5 * max(abs(low), abs(high)))


@given(arrays(np.float32, (20, 3), elements=st.floats(-100, 100, width=32)))
def test_states_are_centred_and_scaled_where_they_vary(states):
    states[:, 2] = states[0, 2]
    fitted = fit_scaling(torch.from_numpy(states), torch.tensor([-1.0]), torch.tensor([1.0]))
    assert (fitted.state_std_S > 0).all()
    scaled = fitted.states(torch.from_numpy(states)).double().numpy()
    assert np.isfinite(scaled).all()
    for dimension in range(3):
        spread = states[:, dimension].astype(np.float64).std()
        if spread > 1e-3:
            assert abs(scaled[:, dimension].mean()) < 0.2
            assert abs(scaled[:, dimension].std() - 1) < 0.05
    assert np.abs(scaled[:, 2]).max() < 1e-4
