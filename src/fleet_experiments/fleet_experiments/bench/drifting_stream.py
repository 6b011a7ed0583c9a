"""Simulates observations of a fleet that drifts away from its policy's training data, by different amounts per robot.

T ticks, N robots, B pairs, L latent dim, W waves, S state dim, A action dim.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fleet_learning.dataset import Dataset
from fleet_learning.optimization import OptimizerConfig
from fleet_learning.randomness import torch_generator
from fleet_learning.scaling import fit_scaling
from iifl_policy.energy import EnergyShape
from iifl_policy.implicit import ImplicitConfig, ImplicitPolicy, new_implicit
from iifl_policy.langevin import Langevin
from iifl_policy.loss import LossConfig

LATENT, WAVES = 6, 32
"""L and W."""
DEMONSTRATED_STD = 0.7
"""Standard deviation of the demonstrated latent states."""
AMPLITUDES = (0.5, 5.0)
"""Range of the amplitudes of the robots' latent motions, drawn uniformly on a logarithmic scale."""
RATE = 0.015
"""Typical phase of a latent motion per tick, rad: observations move by about 2 % of their standard deviation."""


@dataclass(frozen=True)
class DriftTraining:
    """Hyperparameters with which a policy learns the task."""

    pairs: int = 2000
    gradient_steps: int = 150
    batch: int = 128
    counter_example_iterations: int = 10


class DriftingTask:
    """A task whose observations and demonstrated actions are smooth functions of a few latent states."""

    def __init__(self, shape: EnergyShape, seed: int) -> None:
        self._shape = shape
        self._seed = seed
        random = np.random.default_rng([seed, 0])
        self._mixing_LS = random.normal(size=(LATENT, shape.state_dim)) / np.sqrt(LATENT)
        self._waves_LW, self._phases_W = random.normal(size=(LATENT, WAVES)), random.uniform(0, 2 * np.pi, WAVES)
        self._teacher_WA = random.normal(size=(WAVES, shape.action_dim)) / np.sqrt(WAVES)

    def states(self, robots: int, ticks: int) -> NDArray[np.float64]:
        """Return observations along smooth trajectories, (T, N, S)."""
        random = np.random.default_rng([self._seed, 1])
        low, high = np.log(AMPLITUDES)
        amplitudes_N1 = np.exp(random.uniform(low, high, (robots, 1)))
        rates_2NL = RATE * np.exp(random.normal(0, 0.5, (2, robots, LATENT)))
        phases_2NL = random.uniform(0, 2 * np.pi, (2, robots, LATENT))
        times_T = np.arange(ticks).reshape(-1, 1, 1, 1)
        return self._observed(amplitudes_N1 * np.sin(rates_2NL * times_T + phases_2NL).mean(1))

    def policy(self, training: DriftTraining, on_progress: Callable[[int], None]) -> ImplicitPolicy:
        """Return a policy trained on demonstrations from the middle of the latent space; `on_progress` gets the steps so far."""
        latent_BL = np.random.default_rng([self._seed, 2]).normal(0, DEMONSTRATED_STD, (training.pairs, LATENT))
        actions_BA = np.tanh(np.sin(latent_BL @ self._waves_LW + self._phases_W) @ self._teacher_WA)
        dataset = Dataset(self._observed(latent_BL).astype(np.float32), actions_BA.astype(np.float32))
        config = ImplicitConfig(
            self._shape,
            loss=LossConfig(sampler=Langevin(iterations=training.counter_example_iterations), gradient_margin=10.0),
            optimizer=OptimizerConfig(batch_size=training.batch, learning_rate=1e-3),
        )
        bound = torch.ones(self._shape.action_dim)
        untrained = new_implicit(
            config, fit_scaling(torch.from_numpy(dataset.observations_B), -bound, bound), torch_generator(self._seed)
        )
        steps = training.gradient_steps
        return untrained.fit(dataset, steps=steps, seed=self._seed, on_step=lambda done, _: on_progress(done)).policy

    def _observed(self, latent: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.tanh(latent @ self._mixing_LS))
