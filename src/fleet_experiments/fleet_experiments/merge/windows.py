"""Stretches of demonstrations of several tasks, from which sequence networks learn.

X windows, T steps, S state dim, A action dim, N robots.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fleet_learning.dataset import Dataset, joined
from fleet_learning.scaling import Scaling, contract_scaling
from fleet_training.demonstrations import demonstrate_episodes
from fleet_training.learning_setup import LearningSetup


@dataclass(frozen=True)
class Windows:
    """Windows in model space."""

    states_XTS: Tensor
    actions_XTA: Tensor
    tasks_X: NDArray[np.int64]
    """Index of the task of every window."""

    def __getitem__(self, rows: NDArray[np.int64]) -> Windows:
        """Return the windows of these rows."""
        chosen = torch.from_numpy(rows)
        return Windows(self.states_XTS[chosen], self.actions_XTA[chosen], self.tasks_X[rows])

    def __len__(self) -> int:
        return len(self.tasks_X)


def demonstrations(setup: LearningSetup, episodes: int, seed: int) -> list[Dataset]:
    """Return so many demonstrated episodes of every robot of the fleet, with the fleet's noise: first one of each, then another.

    The fleet's styles demonstrate in turn.
    """
    fleet, shown = setup.fleet, []
    for number in range(episodes):
        supervisors = [setup.make_supervisor(fleet.environment.task, seed, number)]
        with closing(setup.make_environment(fleet.environment.task, fleet.robots.count)) as environment:
            noise = fleet.pretraining.demonstration_noise
            shown += demonstrate_episodes(environment, supervisors, seed + 1000 * number, noise=noise)
    return shown


def common_scaling(setup: LearningSetup, episodes: Sequence[Dataset]) -> Scaling:
    """Return the scaling of all sites, that of their pooled demonstrations."""
    return contract_scaling(setup.contract, joined(episodes))


def windows(episodes: Sequence[Dataset], tasks: Sequence[int], scaling: Scaling, length: int, stride: int) -> Windows:
    """Return the windows of `length` steps that begin at every `stride`-th step of the episodes; shorter episodes have none.

    Args:
        episodes: the episodes.
        tasks: index of each one's task.
        scaling: conversion to model space.
        length: T.
        stride: steps between two windows' first steps.
    """
    states, actions, owners = [], [], []
    for episode, task in zip(episodes, tasks, strict=True):
        if len(episode) < length:
            continue
        states_FS, actions_FA = scaling.pairs(episode)
        own = states_FS.unfold(0, length, stride).transpose(1, 2)
        states.append(own)
        actions.append(actions_FA.unfold(0, length, stride).transpose(1, 2))
        owners += [task] * len(own)
    return Windows(torch.cat(states).contiguous(), torch.cat(actions).contiguous(), np.array(owners))
