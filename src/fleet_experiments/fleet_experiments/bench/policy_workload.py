"""Defines the workload of Table 5 of IIFL: a fleet's decision and a training step, by the package and by a plain composition.

N robots, E ensemble members, B batch, K chains, S state dim, A action dim, W hidden width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fleet_learning.dataset import Dataset
from fleet_learning.optimization import OptimizerConfig
from fleet_learning.perceptron import Perceptrons
from fleet_learning.randomness import torch_generator
from fleet_learning.scaling import Scaling
from iifl_policy import plain
from iifl_policy.energy import EnergyEnsemble, EnergyShape, Field, new_energy
from iifl_policy.implicit import ImplicitConfig, ImplicitPolicy
from iifl_policy.langevin import Langevin
from iifl_policy.loss import LossConfig
from iifl_policy.spectral import folded

STEEPNESS = 40.0
"""Factor on the last layer of new energies: their slopes become about one nat per half range, as those of trained energies."""
PAIRS_PER_BATCH = 4
"""Number of pairs in the data set per pair in a batch."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of the workload. The defaults are those of Table 5: Ant's dimensions and the hyperparameters of Table 3."""

    robots: int = 100
    shape: EnergyShape = EnergyShape(60, 8)  # noqa: RUF009 - frozen
    chains: int = 512
    iterations: int = 100
    batch: int = 512

    @property
    def name(self) -> str:
        """Name of the workload."""
        shape = self.shape
        return f"S {shape.state_dim}, A {shape.action_dim}, {shape.depth} x {shape.width}, random weights"

    @property
    def forward_flops(self) -> int:
        """Operations of one energy; its gradient takes as many again. Work that all actions of a state share is not counted."""
        shape = self.shape
        return 2 * shape.width * (shape.action_dim + (shape.depth - 1) * shape.width + 1)

    def flops(self, members: int, share: float = 1.0) -> float:
        """Return the operations of a decision with the chains of `members` members; two members give the divergence as well.

        `share` is the fraction of the energies and gradients that are evaluated.
        """
        chains = members * self.robots * self.chains
        other_member = chains if members > 1 else 0
        return self.forward_flops * (2 * share * chains * (self.iterations + 1) + other_member)

    def share(self, evaluated: Sequence[int]) -> float:
        """Return the fraction of a decision's actions that were evaluated, given their number at each iteration."""
        return sum(evaluated) / (self.shape.members * self.robots * self.chains * (self.iterations + 1))


@dataclass(frozen=True)
class Subject:
    """The same energies for both computations. The package folds the spectral norm into the weights, the plain one computes it."""

    sizes: Sizes
    net: Perceptrons
    """Energies before spectral normalization."""
    scaling: Scaling
    states_NS: NDArray[np.float64]

    @property
    def device(self) -> torch.device:
        """Device of the computation."""
        return self.net.weights[0].device

    @property
    def sampler(self) -> Langevin:
        """Sampler of decisions and counter-examples."""
        return Langevin(iterations=self.sizes.iterations)

    def policy(self, sampler: Langevin | None = None) -> ImplicitPolicy:
        """Return the package's policy for decisions; counter-examples come from `sampler`."""
        return replace(self.learner(sampler), model=EnergyEnsemble(folded(self.net), self.sizes.shape.state_dim))

    def learner(self, sampler: Langevin | None = None) -> ImplicitPolicy:
        """Return the package's policy for training."""
        sizes = self.sizes
        config = ImplicitConfig(
            sizes.shape,
            sampler=self.sampler,
            chains=sizes.chains,
            loss=LossConfig(sampler=sampler or self.sampler),
            optimizer=OptimizerConfig(batch_size=sizes.batch),
            spectral_norm=True,
        )
        return ImplicitPolicy(config, EnergyEnsemble(self.net, sizes.shape.state_dim), self.scaling)

    def energies(self) -> list[plain.Energy]:
        """Return the energies of the plain composition."""
        return plain.energies_of(EnergyEnsemble(self.net, self.sizes.shape.state_dim), spectral=True)

    def plain_states(self) -> Tensor:
        """Return the observations of all robots in model space, (N, S)."""
        return self.scaling.states(torch.as_tensor(self.states_NS).to(self.net.weights[0]))

    def plain_sample(self, iterations: int | None = None) -> plain.Sample:
        """Return the sampler of the plain composition."""
        return partial(plain.corrected, iterations=iterations or self.sizes.iterations)

    def dataset(self, seed: int) -> Dataset:
        """Return random pairs for training."""
        random, count = np.random.default_rng(seed), PAIRS_PER_BATCH * self.sizes.batch
        return Dataset(
            random.normal(size=(count, self.sizes.shape.state_dim)).astype(np.float32),
            random.uniform(-1, 1, (count, self.sizes.shape.action_dim)).astype(np.float32),
        )


def new_subject(sizes: Sizes, seed: int, device: torch.device, dtype: torch.dtype = torch.float32) -> Subject:
    """Return energies with random weights, and random observations."""
    net = new_energy(sizes.shape, torch_generator(seed)).net
    net.weights[-1].mul_(STEEPNESS)
    net = net.changed(lambda parameter: parameter.to(device, dtype))
    states, actions = (
        torch.ones(dim, dtype=dtype, device=device) for dim in (sizes.shape.state_dim, sizes.shape.action_dim)
    )
    scaling = Scaling(0 * states, states, -actions, actions)
    states_NS = np.random.default_rng(seed).normal(size=(sizes.robots, sizes.shape.state_dim))
    return Subject(sizes, net, scaling, states_NS.astype(np.float32).astype(np.float64))


@dataclass(frozen=True)
class Counted:
    """An energy model that counts the actions whose gradients are computed."""

    model: EnergyEnsemble
    counts: list[int]

    @property
    def action_dim(self) -> int:
        """A, the length of an action."""
        return self.model.action_dim

    def __call__(self, features_EBW: Tensor, actions_EBKA: Tensor) -> Tensor:
        """Return energies (E, B, K)."""
        return self.model(features_EBW, actions_EBKA)

    def field(self, features_EBW: Tensor) -> Field:
        """Return a function from actions to energies and gradients at these states."""
        field = self.model.field(features_EBW)

        def counted(actions_EBKA: Tensor) -> tuple[Tensor, Tensor]:
            self.counts.append(int((actions_EBKA.abs() <= 1).all(-1).sum()))
            return field(actions_EBKA)

        return counted
