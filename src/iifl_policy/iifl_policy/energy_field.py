"""Energies and analytic gradients at fixed states, without an autograd graph: what samplers evaluate thousands of times.

E ensemble members, B batch, K chains, A action dim, W hidden width, X all rows (a row per action), R rows of a block.
"""

from __future__ import annotations

import threading

import torch
from torch import Tensor

from fleet_learning.parallel import in_parallel
from fleet_learning.perceptron import Perceptrons

BLOCK_ROWS = 2048
"""Rows that are evaluated together on a CPU, whose cache their layers fit."""
ROWS = 128
"""Factor of the sizes of blocks: oneDNN compiles code for every size of a matrix in bfloat16."""
ALIGNMENT = 64
"""Multiple of bytes at which a layer begins."""
Rows = Tensor | slice
"""Indices (R,) of rows, or consecutive rows, which need not be gathered."""
Block = tuple[int, Rows]
"""A member, and some of its rows."""


class EnergyField:
    """Energies of an ensemble at fixed states, in blocks that are independent of each other and may be computed side by side.

    Gradients are computed within the range only: in eight dimensions, about half of all Langevin proposals leave it.
    """

    def __init__(self, net: Perceptrons, action_weights_EAW: Tensor, features_EBW: Tensor) -> None:
        """Fix the states.

        Args:
            net: perceptrons, whose hidden layers may have a number format of their own.
            action_weights_EAW: the actions' part of the first layer.
            features_EBW: the states' part of the first layer.
        """
        self._net = net
        self._action_weights_EAW = action_weights_EAW
        self._features_EBW = features_EBW

    @torch.no_grad()
    def __call__(self, actions_EBKA: Tensor) -> tuple[Tensor, Tensor]:
        """Return energies (E, B, K) and gradients (E, B, K, A) at the actions (E, B, K, A).

        Outside the range, energies are infinite and gradients undefined.
        """
        gradients_EBKA = torch.zeros_like(actions_EBKA, memory_format=torch.contiguous_format)
        return self._evaluated(actions_EBKA, actions_EBKA.abs().amax(-1) <= 1, gradients_EBKA), gradients_EBKA

    @torch.no_grad()
    def energies(self, actions_EBKA: Tensor) -> Tensor:
        """Return energies (E, B, K), within and outside the range."""
        return self._evaluated(actions_EBKA, torch.ones_like(actions_EBKA[..., 0], dtype=torch.bool))

    def _evaluated(self, actions_EBKA: Tensor, chosen_EBK: Tensor, gradients_EBKA: Tensor | None = None) -> Tensor:
        """Return the energies (E, B, K) of the chosen actions, infinite for others, and write their gradients where asked for."""
        chains, actions_EXA = actions_EBKA.shape[2], actions_EBKA.flatten(1, 2)
        gradients_EXA = None if gradients_EBKA is None else gradients_EBKA.view_as(actions_EXA)
        energies_EX = actions_EXA.new_full(actions_EXA.shape[:2], torch.inf)
        states_X = torch.arange(actions_EXA.shape[1], device=actions_EXA.device).div_(chains, rounding_mode="floor")

        @torch.no_grad()
        def evaluate(block: Block) -> None:
            member, rows = block
            layers = self._layers(member, _taken(states_X, rows), _taken(actions_EXA[member], rows))
            _put(energies_EX[member], rows, self._energies(member, layers))
            if gradients_EXA is not None:
                _put(gradients_EXA[member], rows, self._gradients(member, layers))

        in_parallel(evaluate, _blocks(chosen_EBK.flatten(1)))
        return energies_EX.view(actions_EBKA.shape[:-1])

    def _layers(self, member: int, states_R: Tensor, actions_RA: Tensor) -> list[Tensor]:
        """Return the activations of the hidden layers, (R, W) each, in the place of those of the block before."""
        _MEMORY.clear()
        weights, biases, features_BW = self._net.weights, self._net.biases, self._features_EBW[member]
        first_RW = torch.index_select(features_BW, 0, states_R, out=_MEMORY.take(len(states_R), features_BW))
        first_RW.addmm_(actions_RA, self._action_weights_EAW[member]).relu_()
        layers = [_MEMORY.cast(first_RW, weights[-2].dtype)]
        for weight, bias in zip(weights[1:-1], biases[1:-1], strict=True):
            out = _MEMORY.take(len(states_R), weight[member])
            layers.append(torch.addmm(bias[member], layers[-1], weight[member], out=out).relu_())
        return layers

    def _energies(self, member: int, layers: list[Tensor]) -> Tensor:
        weight, bias = self._net.weights[-1][member], self._net.biases[-1][member]
        return torch.addmm(bias, _MEMORY.cast(layers[-1], weight.dtype), weight).squeeze(-1)

    def _gradients(self, member: int, layers: list[Tensor]) -> Tensor:
        weights, first_AW = self._net.weights, self._action_weights_EAW[member]
        gradient_RW = weights[-1][member].mT.to(layers[-1].dtype)
        for layer, weight in zip(reversed(layers[1:]), reversed(weights[1:-1]), strict=True):
            out = _MEMORY.take(len(layer), layers[0])
            gradient_RW = torch.mm(_where_active(gradient_RW, layer), weight[member].mT, out=out)
        return torch.mm(_MEMORY.cast(_where_active(gradient_RW, layers[0]), first_AW.dtype), first_AW.mT)


def _blocks(chosen_EX: Tensor) -> list[Block]:
    """Return blocks of the chosen rows; the last row is repeated, so that blocks have few different sizes.

    On a GPU there is one block per member, which uses it best.
    """
    rows_each = chosen_EX.shape[1]
    each = BLOCK_ROWS if chosen_EX.device.type == "cpu" else rows_each
    if rows_each % ROWS == 0 and chosen_EX.all():
        firsts = range(0, rows_each, each)
        return [(member, slice(first, first + each)) for member in range(len(chosen_EX)) for first in firsts]
    blocks: list[Block] = []
    for member, chosen_X in enumerate(chosen_EX):
        rows = chosen_X.nonzero().squeeze(-1)
        if len(rows):
            filled = torch.cat((rows, rows[-1:].expand(-len(rows) % ROWS)))
            blocks += [(member, rows_R) for rows_R in torch.split(filled, each)]
    return blocks


def _taken(values_X: Tensor, rows: Rows) -> Tensor:
    return values_X[rows] if isinstance(rows, slice) else values_X.index_select(0, rows)


def _put(values_X: Tensor, rows: Rows, new_R: Tensor) -> None:
    if isinstance(rows, slice):
        values_X[rows] = new_R
    else:
        values_X.index_copy_(0, rows, new_R)


def _where_active(gradient_RW: Tensor, layer_RW: Tensor) -> Tensor:
    """Return the gradient, with zeros where the layer is not positive, in the layer's place."""
    torch.ops.aten.threshold_backward.grad_input(gradient_RW.expand_as(layer_RW), layer_RW, 0, grad_input=layer_RW)
    return layer_RW


class _Memory(threading.local):
    """Memory of a thread for the layers of one block after the other: the system would clear new memory page by page."""

    def __init__(self) -> None:
        self._bytes = torch.empty(0, dtype=torch.uint8)
        self._taken = 0

    def clear(self) -> None:
        """Let everything that was taken be overwritten."""
        self._taken = 0

    def take(self, rows: int, like: Tensor) -> Tensor:
        """Return an undefined matrix with so many rows, and as many columns as another."""
        columns = like.shape[1]
        return self._take(rows, columns, like.dtype) if like.device.type == "cpu" else like.new_empty(rows, columns)

    def cast(self, matrix: Tensor, dtype: torch.dtype) -> Tensor:
        """Return a matrix in another number format; itself if it has this one."""
        if matrix.dtype == dtype or matrix.device.type != "cpu":
            return matrix.to(dtype)
        return self._take(matrix.shape[0], matrix.shape[1], dtype).copy_(matrix)

    def _take(self, rows: int, columns: int, dtype: torch.dtype) -> Tensor:
        size = rows * columns * dtype.itemsize
        if self._taken + size > len(self._bytes):
            self._bytes, self._taken = torch.empty(2 * (self._taken + size), dtype=torch.uint8), 0
        begin, self._taken = self._taken, self._taken + -(-size // ALIGNMENT) * ALIGNMENT
        return self._bytes[begin : begin + size].view(dtype).view(rows, columns)


_MEMORY = _Memory()
