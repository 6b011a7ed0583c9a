"""Demonstrations: what the supervisors show before any policy exists.

N robots.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet_contract.action import ActionKind
from fleet_contract.robot import Stream
from fleet_learning.dataset import Dataset, new_dataset
from sim_bridge.environment import Environment, observations
from teleop_gui.supervisor import ScriptedSupervisor


def demonstrate(
    environment: Environment,
    supervisors: list[ScriptedSupervisor],
    pairs: int,
    seed: int,
    stream: Stream = "state",
    noise: float = 0.0,
) -> Dataset:
    """The first `pairs` observation-action pairs, by step and robot; supervisor i drives robot i, modulo their number.

    Supervisors see where everything is, whatever the pairs' observations are. Robots do what supervisors mean but for normal
    noise, whose standard deviation is this share of half the range of actions, and the pairs are of what was meant (DART,
    Laskey et al. 2017): so they show how to come back to where a supervisor would be.

    A robot that has succeeded or got into violation begins somewhere else, and that step shows nothing: supervisors left
    to themselves would show the same few paths again and again.
    """
    contract = environment.contract
    # Robots draw from [seed, robot]: this is nobody's.
    generator = np.random.default_rng([seed, environment.robots])
    low_A, high_A = np.asarray(contract.action_low_A), np.asarray(contract.action_high_A)
    spread_A = noise * (high_A - low_A) / 2
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
        if noise:
            actions_NA = np.clip(actions_NA + spread_A * generator.standard_normal(actions_NA.shape), low_A, high_A)
        step = environment.step(kinds_N, actions_NA)
    return new_dataset(observed[:pairs], actions[:pairs])


def demonstrate_episodes(
    environment: Environment, supervisors: list[ScriptedSupervisor], seed: int, stream: Stream = "state"
) -> Dataset:
    """One whole episode of every robot, robot after robot; supervisor i drives robot i, modulo their number."""
    step = environment.reset(seed)
    for supervisor in supervisors:
        supervisor.begin()
    observed: list[list[NDArray[np.generic]]] = [[] for _ in range(environment.robots)]
    actions: list[list[NDArray[np.float64]]] = [[] for _ in range(environment.robots)]
    driving_N = np.ones(environment.robots, dtype=bool)
    while driving_N.any():
        observed_N = observations(environment, step, stream)
        actions_NA = np.zeros((environment.robots, environment.contract.action_dim))
        for robot in np.flatnonzero(driving_N):
            actions_NA[robot] = supervisors[robot % len(supervisors)].act(step.states_NS[robot])
            observed[robot].append(observed_N[robot])
            actions[robot].append(actions_NA[robot].copy())
        kinds_N = np.where(driving_N, ActionKind.MOVE, ActionKind.HOLD).astype(np.int64)
        step = environment.step(kinds_N, actions_NA)
        driving_N &= ~(step.episode_over_N | step.violated_N)
    return new_dataset(np.concatenate(observed), np.concatenate(actions))
