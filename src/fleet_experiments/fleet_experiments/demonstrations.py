"""Demonstrations: what the supervisors show before any policy exists.

N robots.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet_contract.action import ActionKind
from iifl_policy.dataset import Dataset
from sim_bridge.environment import Environment
from teleop_gui.supervisor import Supervisor


def demonstrate(environment: Environment, supervisors: list[Supervisor], pairs: int, seed: int) -> Dataset:
    """The first `pairs` observation-action pairs, by step and robot; supervisor i drives robot i, modulo their number.

    A robot that has succeeded or got into violation begins somewhere else, and that step shows nothing: supervisors left
    to themselves would show the same few paths again and again.
    """
    step = environment.start(seed)
    for supervisor in supervisors:
        supervisor.begin()
    states: list[NDArray[np.float64]] = []
    actions: list[NDArray[np.float64]] = []
    while len(states) < pairs:
        elsewhere_N = step.violated_N | step.succeeded_N
        kinds_N = np.where(elsewhere_N, ActionKind.HARD_RESET, ActionKind.MOVE).astype(np.int64)
        actions_NA = np.zeros((environment.robots, environment.contract.action_dim))
        for robot in np.flatnonzero(~elsewhere_N):
            actions_NA[robot] = supervisors[robot % len(supervisors)].act(step.states_NS[robot])
            states.append(step.states_NS[robot])
            actions.append(actions_NA[robot].copy())
        step = environment.step(kinds_N, actions_NA)
    return Dataset(np.array(states[:pairs], dtype=np.float32), np.array(actions[:pairs], dtype=np.float32))


def demonstrate_episodes(environment: Environment, supervisors: list[Supervisor], seed: int) -> Dataset:
    """One whole episode of every robot, robot after robot; supervisor i drives robot i, modulo their number."""
    step = environment.start(seed)
    for supervisor in supervisors:
        supervisor.begin()
    states: list[list[NDArray[np.float64]]] = [[] for _ in range(environment.robots)]
    actions: list[list[NDArray[np.float64]]] = [[] for _ in range(environment.robots)]
    driving_N = np.ones(environment.robots, dtype=bool)
    while driving_N.any():
        actions_NA = np.zeros((environment.robots, environment.contract.action_dim))
        for robot in np.flatnonzero(driving_N):
            actions_NA[robot] = supervisors[robot % len(supervisors)].act(step.states_NS[robot])
            states[robot].append(step.states_NS[robot])
            actions[robot].append(actions_NA[robot].copy())
        kinds_N = np.where(driving_N, ActionKind.MOVE, ActionKind.HOLD).astype(np.int64)
        step = environment.step(kinds_N, actions_NA)
        driving_N &= ~(step.ended_N | step.violated_N)
    return Dataset(np.concatenate(states).astype(np.float32), np.concatenate(actions).astype(np.float32))
