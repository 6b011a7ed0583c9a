"""Linear systems have optimal experts, and controllers that imitate them do nearly as well."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov

from fleet_experiments.merge.linear_imitation import imitated, pooled
from fleet_experiments.merge.linear_system import LinearSystem, aircraft
from policy_merge.linear_controller import LinearController


def stationary_cost(system: LinearSystem, controller: LinearController) -> float:
    """The average cost over infinitely many steps, from the covariance of true and hidden state together."""
    size = len(system.dynamics)
    # Both states before a step's observation: the hidden state is that of the step before.
    seen = controller.observation @ system.observation
    drive = system.control @ controller.control
    joint = np.block([[system.dynamics + drive @ seen, drive @ controller.state], [seen, controller.state]])
    noisy = np.concatenate([drive @ controller.observation, controller.observation])
    noise = noisy @ noisy.T + np.diag([*np.ones(size), *np.zeros(size)])
    covariance = solve_discrete_lyapunov(joint, noise)
    controls = controller.control @ np.concatenate([seen, controller.state], 1)
    sensed = controller.control @ controller.observation
    states = system.state_cost * np.trace(covariance[:size, :size])
    return float(states + np.trace(controls @ covariance @ controls.T) + np.trace(sensed @ sensed.T))


@pytest.mark.parametrize("unstable", [False, True])
@pytest.mark.parametrize("state_cost", [0.01, 1.0, 100.0])
def test_no_controller_nearby_costs_less_than_the_expert(unstable, state_cost):
    system, random = aircraft(unstable=unstable, outputs=6, state_cost=state_cost, seed=0), np.random.default_rng(0)
    expert = system.expert()
    least = stationary_cost(system, expert)
    for _ in range(30):
        nearby = LinearController(
            *(
                part * (1 + 0.01 * random.normal(size=part.shape))
                for part in (expert.state, expert.observation, expert.control)
            )
        )
        assert stationary_cost(system, nearby) > least


def test_rollouts_cost_what_the_stationary_covariance_says():
    system = aircraft(unstable=False, outputs=6, state_cost=1.0, seed=0)
    expert = system.expert()
    _, _, costs = system.rolled_out([expert, expert], 200, 600, seed=1)
    assert costs[0] == costs[1]
    assert costs[0] == pytest.approx(stationary_cost(system, expert), rel=0.03)


def test_controls_of_a_rollout_are_the_controllers():
    system = aircraft(unstable=True, outputs=6, state_cost=1.0, seed=2)
    observed, controls, _ = system.rolled_out([system.expert()], 2, 15, seed=1)
    np.testing.assert_allclose(system.expert().controls(observed[0, 1]), controls[0, 1], rtol=1e-9)


def test_imitators_cost_little_more_than_the_expert():
    system = aircraft(unstable=False, outputs=6, state_cost=1.0, seed=0)
    observed, controls, _ = system.rolled_out([system.expert()], 10, 60, seed=1)
    twice = np.concatenate([observed, observed]), np.concatenate([controls, controls])
    trained = [*imitated(*twice, hidden=4, steps=800, seed=0), *imitated(pooled(observed), pooled(controls), 4, 800, 1)]
    for one in trained:
        assert stationary_cost(system, one) < 1.3 * stationary_cost(system, system.expert())
