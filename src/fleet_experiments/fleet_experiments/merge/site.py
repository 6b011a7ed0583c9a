"""A site of FLEET-MERGE's experiments: windows of its own, and a network that learns from them.

X windows, T steps, S state dim, A action dim, N robots.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import mse_loss

from fleet_experiments.merge.windows import Windows
from fleet_learning.optimization import OptimizerConfig, OptimizerState, optimize
from fleet_learning.scaling import Scaling
from fleet_learning.symmetry import Parameters, Permutations
from fleet_training.learning_setup import LearningSetup
from policy_merge.sequence_network import SequenceNetwork
from robot_driver.step import Step
from sim_bridge.episodes import drive_until_over

OPTIMIZER = OptimizerConfig(batch_size=32, learning_rate=1e-3, decay=1.0)
"""As in the paper's appendix D, with its smaller batch."""
MATCHED_WINDOWS = 200
"""Windows of a site, evenly spread, on which activations and Gram matrices are computed."""


@dataclass(frozen=True)
class Site:
    """One site. Immutable: training returns another one."""

    network: SequenceNetwork
    parameters: Parameters
    windows: Windows
    state: OptimizerState = OptimizerState()

    @property
    def steps_per_epoch(self) -> int:
        """Gradient steps that see as many windows as the site has."""
        return max(len(self.windows) // OPTIMIZER.batch_size, 1)

    def trained(self, steps: int, seed: int) -> Site:
        """Return the site after further gradient steps on its own windows (equation 2.3)."""
        parameters = {name: own.clone().requires_grad_() for name, own in self.parameters.items()}

        def loss(batch: Tensor, _: torch.Generator) -> tuple[Tensor, Mapping[str, Tensor]]:
            error = self._error(parameters, batch[0])
            return error, {"error": error.detach()}

        state, _ = optimize(
            list(parameters.values()),
            loss,
            [np.arange(len(self.windows))],
            OPTIMIZER,
            self.state,
            steps=steps,
            seed=seed,
            on_step=None,
            resume_path=None,
            identity=tuple,
        )
        return replace(self, parameters={name: own.detach() for name, own in parameters.items()}, state=state)

    def at(self, parameters: Parameters) -> Site:
        """Return the site with other parameters and no moments of the optimizer."""
        return replace(self, parameters=parameters, state=OptimizerState(self.state.steps))

    def reordered(self, orders: Permutations) -> Site:
        """Return the site whose network has its units in these orders."""
        return self.at(self.network.symmetries.reordered(self.parameters, orders))

    def batches(self) -> list[Tensor]:
        """Return the states of some windows, evenly spread over all."""
        rows = torch.linspace(0, len(self.windows) - 1, min(MATCHED_WINDOWS, len(self.windows))).long()
        return [self.windows.states_XTS[rows]]

    def loss(self, parameters: Parameters, generator: torch.Generator) -> Tensor:
        """Return the loss of a network on a batch of the site's own windows."""
        drawn = torch.randint(len(self.windows), (OPTIMIZER.batch_size,), generator=generator)
        return self._error(parameters, drawn)

    def _error(self, parameters: Parameters, rows: Tensor) -> Tensor:
        outputs = self.network.outputs(parameters, self.windows.states_XTS[rows])
        return mse_loss(outputs, self.windows.actions_XTA[rows])


@torch.no_grad()
def held_out_error(network: SequenceNetwork, parameters: Parameters, held_out: Windows) -> float:
    """Return the mean squared error of the actions, mean over tasks, in model space."""
    errors_X = (network.outputs(parameters, held_out.states_XTS) - held_out.actions_XTA).square().mean((1, 2))
    of_tasks = [
        float(errors_X[torch.from_numpy(held_out.tasks_X == task)].mean()) for task in np.unique(held_out.tasks_X)
    ]
    return float(np.mean(of_tasks))


def success(
    setup: LearningSetup,
    network: SequenceNetwork,
    parameters: Parameters,
    scaling: Scaling,
    *,
    robots: int,
    context: int,
    seed: int,
) -> float:
    """Return the share of the robots that complete one episode each, driven by a network that sees its last observations.

    Args:
        setup: the fleet, whose tasks are assigned to the robots in turn.
        network: kind of the network.
        parameters: its parameters.
        scaling: conversion to model space.
        robots: number of robots.
        context: observations that the network sees, as many as a window has.
        seed: seed of the robots.
    """
    seen: list[Tensor] = []

    @torch.no_grad()
    def act(step: Step, driven_N: NDArray[np.bool_]) -> NDArray[np.float64]:  # noqa: ARG001
        seen.append(scaling.states(torch.from_numpy(step.states_NS).float()))
        outputs_NTA = network.outputs(parameters, torch.stack(seen[-context:], 1))
        return scaling.robot_actions(outputs_NTA[:, -1]).double().numpy()

    succeeded_N = np.zeros(robots, dtype=bool)
    with closing(setup.make_environment(setup.fleet.environment.task, robots)) as environment:
        for moved in drive_until_over(environment, environment.reset(seed), act):
            succeeded_N |= moved.driven_N & moved.after.succeeded_N
    return float(succeeded_N.mean())
