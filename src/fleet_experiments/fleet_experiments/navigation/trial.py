"""Runs a policy without humans for one episode of every robot.

N robots, T ticks, S state dim.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet_learning.policy import Policy
from fleet_learning.randomness import torch_generator
from robot_driver.step import Step
from sim_bridge.environment import Environment, observations
from sim_bridge.episodes import drive_until_over


@dataclass(frozen=True)
class Trial:
    """The outcome of every robot's episode."""

    succeeded_N: NDArray[np.bool_]
    violated_N: NDArray[np.bool_]
    states_TNS: NDArray[np.float64]
    """Observations; NaN after the end of a robot's episode."""


def run_trial(environment: Environment, policy: Policy, seed: int) -> Trial:
    """Let the policy drive all robots until each has succeeded, is in constraint violation, or has run out of time."""
    states = []

    def act(step: Step, driven_N: NDArray[np.bool_]) -> NDArray[np.float64]:
        states.append(np.where(driven_N[:, None], step.states_NS, np.nan))
        actions_NA = np.zeros((environment.robots, environment.contract.action_dim))
        observed_N = observations(environment, step, policy.observes)
        decision = policy.decide(observed_N[driven_N], torch_generator(seed, len(states)))
        actions_NA[driven_N] = decision.actions_NA
        return actions_NA

    succeeded_N, violated_N = np.zeros((2, environment.robots), dtype=bool)
    for moved in drive_until_over(environment, environment.reset(seed), act):
        succeeded_N |= moved.driven_N & moved.after.succeeded_N
        violated_N |= moved.driven_N & moved.after.violated_N
    return Trial(succeeded_N, violated_N, np.stack(states))
