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

from fleet_learning.perceptron import Perceptrons, new_perceptrons

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
        """Energies and gradients at these states, for many calls; outside of the range nobody relies on them."""


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

    @property
    def between(self) -> torch.dtype:
        """Numbers between hidden layers."""
        return self.net.weights[-2].dtype

    def rounded(self) -> EnergyEnsemble:
        """The same for inference alone, with bfloat16 between hidden layers: several times faster where that is native.

        First and last layer, and so states, actions, energies and gradients, keep their precision.
        """
        kept = {0, len(self.net.weights) - 1}
        weights, biases = (
            tuple(part if index in kept else part.bfloat16() for index, part in enumerate(parts))
            for parts in (self.net.weights, self.net.biases)
        )
        return replace(self, net=Perceptrons(weights, biases))

    def features(self, states_EBS: Tensor) -> Tensor:
        """The states' part of the first layer, (E, B, W): the same for every chain and iteration."""
        return torch.baddbmm(self.net.biases[0], states_EBS, self.net.weights[0][:, : self.state_dim])

    def __call__(self, features_EBW: Tensor, actions_EBKA: Tensor) -> Tensor:
        """Energies (E, B, K); differentiable where gradients are enabled, and faster where they are not."""
        if not torch.is_grad_enabled():
            return EnergyField(self, features_EBW).energies(actions_EBKA)
        chains = actions_EBKA.shape[2]
        features_EXW = features_EBW.repeat_interleave(chains, dim=1)
        hidden_EXW = torch.relu(torch.baddbmm(features_EXW, actions_EBKA.flatten(1, 2), self.action_weights))
        rest = Perceptrons(self.net.weights[1:], self.net.biases[1:])
        return rest(hidden_EXW).view(actions_EBKA.shape[:-1])

    def field(self, features_EBW: Tensor) -> EnergyField:
        """Energies and gradients at these states, without an autograd graph."""
        return EnergyField(self, features_EBW)


class EnergyField:
    """The analytic gradient of an ensemble at fixed states.

    Only actions within the range are evaluated: of Langevin proposals in eight dimensions about half. They are walked through
    in blocks: the layers of a block stay in the processor's cache, and the memory for them is kept from call to call.
    """

    def __init__(self, model: EnergyEnsemble, features_EBW: Tensor) -> None:
        self._model = model
        self._features_XW = features_EBW.flatten(0, 1)
        self._memory: list[Tensor] = []

    @torch.no_grad()
    def __call__(self, actions_EBKA: Tensor) -> tuple[Tensor, Tensor]:
        """Energies (E, B, K) and gradients (E, B, K, A) at the actions (E, B, K, A).

        Outside of the range energies are infinite, and gradients without meaning.
        """
        chains, inside_EBK = actions_EBKA.shape[2], (actions_EBKA.abs() <= 1).all(-1)
        actions_YA, energies_Y = actions_EBKA.flatten(0, 2), actions_EBKA.new_zeros(inside_EBK.numel())
        gradients_YA = torch.zeros_like(actions_YA, memory_format=torch.contiguous_format)
        for rows_ER in _blocks(inside_EBK.flatten(1)):
            layers = self._layers(self._features_XW[rows_ER // chains], actions_YA[rows_ER])
            energies_Y[rows_ER] = self._energies(layers)
            gradients_YA[rows_ER] = self._gradients(layers)
        energies_EBK = energies_Y.view_as(inside_EBK).masked_fill_(~inside_EBK, torch.inf)
        return energies_EBK, gradients_YA.view_as(actions_EBKA)

    @torch.no_grad()
    def energies(self, actions_EBKA: Tensor) -> Tensor:
        """Energies (E, B, K), within the range and outside."""
        chains, everywhere_EBK = actions_EBKA.shape[2], torch.ones_like(actions_EBKA[..., 0], dtype=torch.bool)
        actions_YA, energies_Y = actions_EBKA.flatten(0, 2), actions_EBKA.new_zeros(everywhere_EBK.numel())
        for rows_ER in _blocks(everywhere_EBK.flatten(1)):
            energies_Y[rows_ER] = self._energies(
                self._layers(self._features_XW[rows_ER // chains], actions_YA[rows_ER])
            )
        return energies_Y.view_as(everywhere_EBK)

    def _layers(self, features_ERW: Tensor, actions_ERA: Tensor) -> list[Tensor]:
        """Activations of the hidden layers, (E, R, W) each."""
        net = self._model.net
        first, *hidden = self._room(features_ERW)[:-2]
        torch.baddbmm(features_ERW, actions_ERA, self._model.action_weights, out=first).relu_()
        layers = [first.to(self._model.between), *hidden]
        for below, layer, weight, bias in zip(layers, layers[1:], net.weights[1:-1], net.biases[1:-1], strict=False):
            torch.baddbmm(bias, below, weight, out=layer).relu_()
        return layers

    def _energies(self, layers: list[Tensor]) -> Tensor:
        net = self._model.net
        weight = net.weights[-1]
        return torch.baddbmm(net.biases[-1], layers[-1].to(weight.dtype), weight).squeeze(-1)

    def _gradients(self, layers: list[Tensor]) -> Tensor:
        weights = self._model.net.weights
        gradient, other = self._room(layers[0])[-2:]
        gradient.copy_(weights[-1].mT.expand_as(gradient))
        for layer, weight in zip(reversed(layers[1:]), reversed(weights[1:-1]), strict=True):
            torch.bmm(_through_relu_(gradient, layer), weight.mT, out=other)
            gradient, other = other, gradient
        weight = self._model.action_weights
        return torch.bmm(_through_relu_(gradient, layers[0]).to(weight.dtype), weight.mT)

    def _room(self, like_ERW: Tensor) -> list[Tensor]:
        """Memory for all hidden layers and two gradients, (E, R, W) each."""
        members, rows, width = like_ERW.shape
        if not self._memory or self._memory[0].shape[1] < rows:
            dtypes = [like_ERW.dtype, *[self._model.between] * len(self._model.net.weights)]
            self._memory = [like_ERW.new_empty(members, rows, width, dtype=dtype) for dtype in dtypes]
        return [memory[:, :rows] for memory in self._memory]


def _blocks(chosen_EX: Tensor) -> list[Tensor]:
    """Where the chosen ones are among all E X, (E, R) at a time; members with fewer are filled up with others.

    A GPU is best used with all of them at a time.
    """
    members, each = chosen_EX.shape
    most = int(chosen_EX.sum(1).amax())
    first_ER = chosen_EX.byte().argsort(dim=1, descending=True, stable=True)[:, :most]
    rows_ER = first_ER + torch.arange(0, members * each, each, device=first_ER.device).unsqueeze(1)
    each_block = BLOCK_ROWS if rows_ER.device.type == "cpu" else max(1, most)
    return [rows_ER[:, begin : begin + each_block] for begin in range(0, most, each_block)]


def _through_relu_(gradient: Tensor, layer: Tensor) -> Tensor:
    """The gradient where the layer is positive and zero elsewhere, in place and in one pass."""
    torch.ops.aten.threshold_backward.grad_input(gradient, layer, 0, grad_input=gradient)
    return gradient


def new_energy(shape: EnergyShape, generator: torch.Generator) -> EnergyEnsemble:
    """Members begin with different weights."""
    return EnergyEnsemble(new_perceptrons(shape.members, shape.sizes, generator), shape.state_dim)
