"""Runs a policy without humans for one episode of every robot.

N robots, T ticks, S state dim.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet_contract.action import ActionKind
from fleet_learning.policy import Decider
from fleet_learning.randomness import torch_generator
from sim_bridge.environment import Environment, observations


@dataclass(frozen=True)
class Trial:
    """The outcome of every robot's episode."""

    succeeded_N: NDArray[np.bool_]
    violated_N: NDArray[np.bool_]
    states_TNS: NDArray[np.float64]
    """Observations; NaN after the end of a robot's episode."""


def run_trial(environment: Environment, policy: Decider, seed: int) -> Trial:
    """Let the policy drive all robots until each has succeeded, is in constraint violation, or has run out of time."""
    step = environment.reset(seed)
    robots = environment.robots
    driving_N = np.ones(robots, dtype=bool)
    succeeded_N, violated_N = np.zeros(robots, dtype=bool), np.zeros(robots, dtype=bool)
    states = []
    while driving_N.any():
        states.append(np.where(driving_N[:, None], step.states_NS, np.nan))
        actions_NA = np.zeros((robots, environment.contract.action_dim))
        observed_N = observations(environment, step, policy.observes)
        decision = policy.decide(observed_N[driving_N], torch_generator(seed, len(states)))
        actions_NA[driving_N] = decision.actions_NA
        kinds_N = np.where(driving_N, ActionKind.MOVE, ActionKind.HOLD).astype(np.int64)
        step = environment.step(kinds_N, actions_NA)
        succeeded_N |= driving_N & step.succeeded_N
        violated_N |= driving_N & step.violated_N
        driving_N &= ~(step.episode_over_N | step.violated_N)
    return Trial(succeeded_N, violated_N, np.stack(states))
