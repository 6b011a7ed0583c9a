"""Demonstrations of scripted supervisors, before there is a policy.

N robots.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fleet_contract.action import ActionKind
from fleet_contract.robot import Stream
from fleet_learning.dataset import Dataset, new_dataset
from robot_driver.step import Step
from sim_bridge.environment import Environment, observations
from sim_bridge.episodes import act_by_state, drive_until_over
from teleop_gui.supervisor import ScriptedSupervisor


def demonstrate(
    environment: Environment,
    supervisors: list[ScriptedSupervisor],
    pairs: int,
    seed: int,
    stream: Stream = "state",
    noise: float = 0.0,
) -> Dataset:
    """Return the first `pairs` observation-action pairs, by step and robot; supervisor i drives robot i, modulo their number.

    Supervisors act on states, whatever the pairs' observations are. The robots' actions are those of the supervisors plus
    normal noise, while the pairs hold the actions without noise (DART, Laskey et al. 2017): they demonstrate how to recover.
    A robot that has succeeded or is in violation gets a hard reset, without a pair: otherwise supervisors would demonstrate
    the same few paths again and again.

    Args:
        environment: the robots.
        supervisors: scripted supervisors.
        pairs: number of pairs.
        seed: seed of the environment and the noise.
        stream: what the pairs observe.
        noise: standard deviation of the noise, as a share of half the range of actions.
    """
    contract = environment.contract
    perturb = _perturb(environment, noise, seed)
    step = environment.reset(seed)
    for supervisor in supervisors:
        supervisor.begin()
    observed: list[NDArray[np.generic]] = []
    actions: list[NDArray[np.float64]] = []
    while len(observed) < pairs:
        observed_N = observations(environment, step, stream)
        elsewhere_N = step.violated_N | step.succeeded_N
        kinds_N = np.where(elsewhere_N, ActionKind.HARD_RESET, ActionKind.MOVE).astype(np.int64)
        actions_NA = np.zeros((environment.robots, contract.action_dim))
        for robot in np.flatnonzero(~elsewhere_N):
            actions_NA[robot] = supervisors[robot % len(supervisors)].act(step.states_NS[robot])
            observed.append(observed_N[robot])
            actions.append(actions_NA[robot].copy())
        step = environment.step(kinds_N, perturb(actions_NA))
    return new_dataset(observed[:pairs], actions[:pairs])


def demonstrate_episodes(
    environment: Environment,
    supervisors: list[ScriptedSupervisor],
    seed: int,
    stream: Stream = "state",
    noise: float = 0.0,
) -> list[Dataset]:
    """Return one whole episode of every robot; supervisor i drives robot i, modulo their number.

    The noise is that of `demonstrate`.
    """
    perturb = _perturb(environment, noise, seed)
    for supervisor in supervisors:
        supervisor.begin()
    act_by_supervisors = act_by_state([supervisor.act for supervisor in supervisors], environment.contract.action_dim)
    observed_T, shown_T = [], []

    def act(step: Step, driven_N: NDArray[np.bool_]) -> NDArray[np.float64]:
        observed_T.append(observations(environment, step, stream))
        shown_T.append(act_by_supervisors(step, driven_N))
        return perturb(shown_T[-1])

    driven_T = [moved.driven_N for moved in drive_until_over(environment, environment.reset(seed), act)]
    driven_NT, observed_NT, shown_NTA = (np.stack(parts, axis=1) for parts in (driven_T, observed_T, shown_T))
    return [
        new_dataset(observed_NT[robot, driven_NT[robot]], shown_NTA[robot, driven_NT[robot]])
        for robot in range(environment.robots)
    ]


def _perturb(environment: Environment, noise: float, seed: int) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return what adds noise to actions (N, A), within their range."""
    contract = environment.contract
    # Robots draw from [seed, robot], with robot < N.
    generator = np.random.default_rng([seed, environment.robots])
    low_A, high_A = np.asarray(contract.action_low_A), np.asarray(contract.action_high_A)
    spread_A = noise * (high_A - low_A) / 2

    def perturb(actions_NA: NDArray[np.float64]) -> NDArray[np.float64]:
        if not noise:
            return actions_NA
        noisy_NA: NDArray[np.float64] = actions_NA + spread_A * generator.standard_normal(actions_NA.shape)
        return noisy_NA.clip(low_A, high_A)

    return perturb
