"""Drives the robots of an environment through one episode each.

N robots, S state dim, A action dim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet_contract.action import ActionKind
from robot_driver.step import Step
from sim_bridge.environment import Environment

Act = Callable[[Step, NDArray[np.bool_]], NDArray[np.float64]]
"""Decides actions: takes the last step and which robots are still driven, (N,), and returns actions (N, A). Other rows are ignored."""


@dataclass(frozen=True)
class Transition:
    """One step of all robots: their observations before it, their actions, and the outcome."""

    before: Step
    driven_N: NDArray[np.bool_]
    """The robots that moved in this step. The others held, because their episodes were over or they were in violation."""
    actions_NA: NDArray[np.float64]
    after: Step


def drive_until_over(
    environment: Environment, step: Step, act: Act, *, ticks: int | None = None
) -> Iterator[Transition]:
    """Drive every robot until its episode is over or it is in constraint violation; from then on it holds.

    Args:
        environment: the robots.
        step: their first observations, usually those of `Environment.reset`.
        act: decides the actions, once per step.
        ticks: the number of steps to take; by default, until no robot is driven any more.
    """
    driven_N = np.ones(environment.robots, dtype=np.bool_)
    taken = 0
    while taken < ticks if ticks is not None else driven_N.any():
        actions_NA = act(step, driven_N)
        kinds_N = np.where(driven_N, ActionKind.MOVE, ActionKind.HOLD).astype(np.int64)
        after = environment.step(kinds_N, actions_NA)
        yield Transition(step, driven_N, actions_NA, after)
        driven_N = driven_N & ~(after.episode_over_N | after.violated_N)
        step = after
        taken += 1


def act_by_state(policies: Sequence[Callable[[NDArray[np.float64]], NDArray[np.float64]]], action_dim: int) -> Act:
    """Return an `Act` that drives robot i with policy i modulo their number. A policy takes a state (S,) and returns an action (A,).

    Policies are called in the order of the robots, and only for robots that are still driven; other rows are zero.
    """

    def act(step: Step, driven_N: NDArray[np.bool_]) -> NDArray[np.float64]:
        actions_NA = np.zeros((len(driven_N), action_dim))
        for robot in np.flatnonzero(driven_N):
            actions_NA[robot] = policies[int(robot) % len(policies)](step.states_NS[robot])
        return actions_NA

    return act
