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
from iifl_policy.energy_slopes import energies_and_slopes

BLOCK_ROWS = 2048
"""Rows per member that are evaluated together on a CPU, whose cache their layers fit."""


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
            return EnergyField(self, features_EBW).energies(actions_EBKA)
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
        return EnergyField(self, features_EBW)


class EnergyField:
    """Energies and analytic gradients of an ensemble at fixed states, without an autograd graph.

    Only actions within the range are evaluated: in eight dimensions, about half of all Langevin proposals. They are processed
    in blocks whose layers fit the processor's cache and reuse the same memory in every call.
    """

    def __init__(self, model: EnergyEnsemble, features_EBW: Tensor) -> None:
        self._model = model
        self._features_XW = features_EBW.flatten(0, 1)
        self._memory: list[Tensor] = []

    @torch.no_grad()
    def __call__(self, actions_EBKA: Tensor) -> tuple[Tensor, Tensor]:
        """Return energies (E, B, K) and gradients (E, B, K, A) at the actions (E, B, K, A).

        Outside the range, energies are infinite and gradients undefined.
        """
        chains, inside_EBK = actions_EBKA.shape[2], (actions_EBKA.abs() <= 1).all(-1)
        actions_YA, energies_Y = actions_EBKA.flatten(0, 2), actions_EBKA.new_zeros(inside_EBK.numel())
        gradients_YA = torch.zeros_like(actions_YA, memory_format=torch.contiguous_format)
        for rows_ER in _blocks(inside_EBK.flatten(1)):
            layers = self._layers(_rows_of(self._features_XW, rows_ER // chains), _rows_of(actions_YA, rows_ER))
            energies_Y[rows_ER] = self._energies(layers)
            gradients_YA[rows_ER] = self._gradients(layers)
        energies_EBK = energies_Y.view_as(inside_EBK).masked_fill_(~inside_EBK, torch.inf)
        return energies_EBK, gradients_YA.view_as(actions_EBKA)

    @torch.no_grad()
    def energies(self, actions_EBKA: Tensor) -> Tensor:
        """Return energies (E, B, K), within and outside the range."""
        chains, everywhere_EBK = actions_EBKA.shape[2], torch.ones_like(actions_EBKA[..., 0], dtype=torch.bool)
        actions_YA, energies_Y = actions_EBKA.flatten(0, 2), actions_EBKA.new_zeros(everywhere_EBK.numel())
        for rows_ER in _blocks(everywhere_EBK.flatten(1)):
            layers = self._layers(_rows_of(self._features_XW, rows_ER // chains), _rows_of(actions_YA, rows_ER))
            energies_Y[rows_ER] = self._energies(layers)
        return energies_Y.view_as(everywhere_EBK)

    def _layers(self, features_ERW: Tensor, actions_ERA: Tensor) -> list[Tensor]:
        """Return the activations of the hidden layers, (E, R, W) each."""
        net = self._model.net
        first, *hidden = self._buffers(features_ERW)[:-2]
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
        gradient, other = self._buffers(layers[0])[-2:]
        gradient.copy_(weights[-1].mT.expand_as(gradient))
        for layer, weight in zip(reversed(layers[1:]), reversed(weights[1:-1]), strict=True):
            torch.bmm(_through_relu_(gradient, layer), weight.mT, out=other)
            gradient, other = other, gradient
        weight = self._model.action_weights
        return torch.bmm(_through_relu_(gradient, layers[0]).to(weight.dtype), weight.mT)

    def _buffers(self, like_ERW: Tensor) -> list[Tensor]:
        """Return memory for all hidden layers and two gradients, (E, R, W) each."""
        members, rows, width = like_ERW.shape
        if not self._memory or self._memory[0].shape[1] < rows:
            dtypes = [like_ERW.dtype, *[self._model.between] * len(self._model.net.weights)]
            self._memory = [like_ERW.new_empty(members, rows, width, dtype=dtype) for dtype in dtypes]
        return [memory[:, :rows] for memory in self._memory]


def _blocks(chosen_EX: Tensor) -> list[Tensor]:
    """Return the flat indices of the chosen rows, (E, R) per block; members with fewer are filled up with other rows.

    On a GPU there is one block, which uses it best.
    """
    members, each = chosen_EX.shape
    most = int(chosen_EX.sum(1).amax())
    first_ER = chosen_EX.byte().argsort(dim=1, descending=True, stable=True)[:, :most]
    rows_ER = first_ER + torch.arange(0, members * each, each, device=first_ER.device).unsqueeze(1)
    each_block = BLOCK_ROWS if rows_ER.device.type == "cpu" else max(1, most)
    return [rows_ER[:, begin : begin + each_block] for begin in range(0, most, each_block)]


def _rows_of(values_XV: Tensor, rows_ER: Tensor) -> Tensor:
    """Return the values of these rows, (E, R, V); `index_select` copies whole rows, faster than indexing."""
    return values_XV.index_select(0, rows_ER.flatten()).view(*rows_ER.shape, -1)


def _through_relu_(gradient: Tensor, layer: Tensor) -> Tensor:
    """Set the gradient to zero where the layer is not positive, in place and in one pass."""
    torch.ops.aten.threshold_backward.grad_input(gradient, layer, 0, grad_input=gradient)
    return gradient


def new_energy(shape: EnergyShape, generator: torch.Generator) -> EnergyEnsemble:
    """Return untrained energies, with weights drawn per member."""
    return EnergyEnsemble(new_perceptrons(shape.members, shape.sizes, generator), shape.state_dim)
