"""Energy models E(s, a): an ensemble of perceptrons with one output.

E ensemble members, B batch, K chains (actions per state), S state dim, A action dim, W hidden width.
States and actions are in model space: states normalised, actions scaled so that the allowed range is [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from iifl_policy.perceptron import Perceptrons, new_perceptrons

BLOCK_ROWS = 2048
"""Rows per member that are evaluated together: their layers stay in a processor's cache."""


@dataclass(frozen=True)
class EnergyShape:
    """Size of an ensemble."""

    state_dim: int
    action_dim: int
    members: int = 2
    width: int = 256
    depth: int = 6
    """Hidden layers."""

    @property
    def sizes(self) -> list[int]:
        """Inputs, hidden widths, output."""
        return [self.state_dim + self.action_dim, *[self.width] * self.depth, 1]


Field = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From actions (E, B, K, A) to energies (E, B, K) and their gradients by the actions (E, B, K, A)."""


class EnergyModel(Protocol):
    """What samplers ask of an ensemble of energies."""

    @property
    def action_dim(self) -> int:
        """A."""

    def __call__(self, features_EBW: Tensor, actions_EBKA: Tensor) -> Tensor:
        """Energies (E, B, K); lower is better."""

    def field(self, features_EBW: Tensor) -> Field:
        """Energies and gradients at these states, for many calls."""


@dataclass(frozen=True)
class EnergyEnsemble:
    """E_theta of IIFL section 4.1, for all members at once: concat(s, a), ReLU layers, one energy (lower is better)."""

    net: Perceptrons
    state_dim: int

    @property
    def members(self) -> int:
        """E."""
        return self.net.members

    @property
    def action_dim(self) -> int:
        """A."""
        return self.net.sizes[0] - self.state_dim

    @property
    def action_weights(self) -> Tensor:
        """The actions' part of the first layer, (E, A, W)."""
        return self.net.weights[0][:, self.state_dim :]

    def features(self, states_EBS: Tensor) -> Tensor:
        """The states' part of the first layer, (E, B, W): the same for every chain and iteration."""
        return torch.baddbmm(self.net.biases[0], states_EBS, self.net.weights[0][:, : self.state_dim])

    def __call__(self, features_EBW: Tensor, actions_EBKA: Tensor) -> Tensor:
        """Energies (E, B, K), differentiable."""
        members, batch, chains, _ = actions_EBKA.shape
        part = torch.bmm(actions_EBKA.reshape(members, batch * chains, -1), self.action_weights)
        hidden = part.view(members, batch, chains, -1) + features_EBW.unsqueeze(2)
        hidden = torch.relu(hidden).view(members, batch * chains, -1)
        rest = Perceptrons(self.net.weights[1:], self.net.biases[1:])
        return rest(hidden).view(members, batch, chains)

    def field(self, features_EBW: Tensor) -> EnergyField:
        """Energies and gradients at these states, without an autograd graph."""
        return EnergyField(self, features_EBW)


class EnergyField:
    """The analytic gradient of an ensemble at fixed states.

    Walks through blocks of states: the layers of a block stay in the processor's cache, and the memory for them is kept
    from call to call.
    """

    def __init__(self, model: EnergyEnsemble, features_EBW: Tensor) -> None:
        self._model = model
        self._features_EBW = features_EBW
        self._memory: list[Tensor] = []

    @torch.no_grad()
    def __call__(self, actions_EBKA: Tensor) -> tuple[Tensor, Tensor]:
        """Energies (E, B, K) and gradients (E, B, K, A) at the actions (E, B, K, A)."""
        members, batch, chains, _ = actions_EBKA.shape
        energies_EBK = actions_EBKA.new_empty(members, batch, chains)
        gradients_EBKA = torch.empty_like(actions_EBKA, memory_format=torch.contiguous_format)
        states = max(1, BLOCK_ROWS // chains) if actions_EBKA.device.type == "cpu" else batch
        for begin in range(0, batch, states):
            block = slice(begin, begin + states)
            energies_EBK[:, block], gradients_EBKA[:, block] = self._block(
                self._features_EBW[:, block], actions_EBKA[:, block]
            )
        return energies_EBK, gradients_EBKA

    def _block(self, features_EBW: Tensor, actions_EBKA: Tensor) -> tuple[Tensor, Tensor]:
        net, action_weights = self._model.net, self._model.action_weights
        members, batch, chains, action_dim = actions_EBKA.shape
        *layers, gradient, other = self._room(features_EBW, members, batch * chains)
        first = layers[0].view(members, batch, chains, -1)
        first.copy_(features_EBW.unsqueeze(2).expand_as(first))
        layers[0].baddbmm_(actions_EBKA.reshape(members, batch * chains, action_dim), action_weights).relu_()
        for below, layer, weight, bias in zip(layers, layers[1:], net.weights[1:-1], net.biases[1:-1], strict=False):
            torch.baddbmm(bias, below, weight, out=layer).relu_()
        energies = torch.baddbmm(net.biases[-1], layers[-1], net.weights[-1])
        gradient.copy_(net.weights[-1].mT.expand_as(gradient))
        for layer, weight in zip(reversed(layers[1:]), reversed(net.weights[1:-1]), strict=True):
            _through_relu_(gradient, layer)
            torch.bmm(gradient, weight.mT, out=other)
            gradient, other = other, gradient
        slopes = torch.bmm(_through_relu_(gradient, layers[0]), action_weights.mT)
        return energies.view(members, batch, chains), slopes.view(members, batch, chains, action_dim)

    def _room(self, like: Tensor, members: int, rows: int) -> list[Tensor]:
        """Memory for all hidden layers and two gradients, (E, rows, W) each."""
        width, count = like.shape[-1], len(self._model.net.weights) + 1
        if not self._memory or self._memory[0].shape[1] < rows:
            self._memory = [like.new_empty(members, rows, width) for _ in range(count)]
        return [memory[:, :rows] for memory in self._memory]


def _through_relu_(gradient: Tensor, layer: Tensor) -> Tensor:
    """The gradient where the layer is positive and zero elsewhere, in place and in one pass."""
    torch.ops.aten.threshold_backward.grad_input(gradient, layer, 0, grad_input=gradient)
    return gradient


def new_energy(shape: EnergyShape, generator: torch.Generator) -> EnergyEnsemble:
    """Members begin with different weights."""
    return EnergyEnsemble(new_perceptrons(shape.members, shape.sizes, generator), shape.state_dim)
