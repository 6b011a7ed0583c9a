"""Energy models E(s, a): an ensemble of perceptrons with one output.

E ensemble members, B batch, K chains (actions per state), S state dim, A action dim, W hidden width.
States and actions are in model space: states normalised, actions scaled so that the allowed range is [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor
from typing_extensions import override

from fleet_learning.perceptron import Perceptrons, new_perceptrons
from iifl_policy.energy_field import EnergyField
from iifl_policy.energy_slopes import energies_and_slopes


@dataclass(frozen=True)
class EnergyShape:
    """Size of an ensemble."""

    state_dim: int
    action_dim: int
    members: int = 2
    width: int = 256
    depth: int = 6
    """Number of hidden layers."""

    @property
    def sizes(self) -> list[int]:
        """Number of inputs, hidden widths, number of outputs."""
        return [self.state_dim + self.action_dim, *[self.width] * self.depth, 1]


Field = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From actions (E, B, K, A) to energies (E, B, K) and their gradients by the actions (E, B, K, A)."""


class EnergyModel(Protocol):
    """The interface of energies that samplers use."""

    @property
    def action_dim(self) -> int:
        """Length of an action, A."""

    def __call__(self, features_EBW: Tensor, actions_EBKA: Tensor) -> Tensor:
        """Return energies (E, B, K); lower is better."""

    def field(self, features_EBW: Tensor) -> Field:
        """Return a function from actions to energies and gradients at these states, which are undefined outside the range."""


@dataclass(frozen=True)
class EnergyEnsemble(EnergyModel):
    """E_theta of IIFL section 4.1, for all members at once: concat(s, a), ReLU layers, one energy (lower is better)."""

    net: Perceptrons
    state_dim: int

    @property
    def members(self) -> int:
        """Number of members, E."""
        return self.net.members

    def member(self, index: int) -> EnergyEnsemble:
        """Return one member as an ensemble of one."""
        return replace(self, net=self.net.member(index))

    @property
    @override
    def action_dim(self) -> int:
        return self.net.sizes[0] - self.state_dim

    @property
    def action_weights(self) -> Tensor:
        """Weights of the first layer for actions, (E, A, W)."""
        return self.net.weights[0][:, self.state_dim :]

    @property
    def between(self) -> torch.dtype:
        """Number format between hidden layers."""
        return self.net.weights[-2].dtype

    def rounded(self) -> EnergyEnsemble:
        """Return the same energies for inference only, with bfloat16 between hidden layers.

        That is several times faster where bfloat16 is native. The first and last layer, and therefore states, actions,
        energies and gradients, keep their precision.
        """
        unchanged = {0, len(self.net.weights) - 1}
        weights, biases = (
            tuple(part if index in unchanged else part.bfloat16() for index, part in enumerate(parts))
            for parts in (self.net.weights, self.net.biases)
        )
        return replace(self, net=Perceptrons(weights, biases))

    def features(self, states_EBS: Tensor) -> Tensor:
        """Return the states' part of the first layer, (E, B, W), which is the same for every chain and iteration."""
        return torch.baddbmm(self.net.biases[0], states_EBS, self.net.weights[0][:, : self.state_dim])

    def __call__(self, features_EBW: Tensor, actions_EBKA: Tensor) -> Tensor:
        """Return energies (E, B, K): differentiable where gradients are enabled, and faster where they are not."""
        if not torch.is_grad_enabled():
            return self.field(features_EBW).energies(actions_EBKA)
        chains = actions_EBKA.shape[2]
        features_EXW = features_EBW.repeat_interleave(chains, dim=1)
        hidden_EXW = torch.relu(torch.baddbmm(features_EXW, actions_EBKA.flatten(1, 2), self.action_weights))
        rest = Perceptrons(self.net.weights[1:], self.net.biases[1:])
        return rest(hidden_EXW).view(actions_EBKA.shape[:-1])

    def with_slopes(self, features_EBW: Tensor, actions_EBKA: Tensor) -> tuple[Tensor, Tensor]:
        """Return energies (E, B, K) and gradients by the actions (E, B, K, A), both differentiable by features and weights."""
        weights, biases = self.net.weights[1:], self.net.biases[1:]
        return energies_and_slopes(features_EBW, actions_EBKA, self.action_weights, weights, biases)

    @override
    def field(self, features_EBW: Tensor) -> EnergyField:
        return EnergyField(self.net, self.action_weights, features_EBW)


def new_energy(shape: EnergyShape, generator: torch.Generator) -> EnergyEnsemble:
    """Return untrained energies, with weights drawn per member."""
    return EnergyEnsemble(new_perceptrons(shape.members, shape.sizes, generator), shape.state_dim)
