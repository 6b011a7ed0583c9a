"""Permutation symmetries of networks: hidden units may change places if all parameters that belong to them do too.

n units of a layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

Parameters = Mapping[str, Tensor]
"""Parameters of a network by name."""
Permutations = Mapping[str, Tensor]
"""By layer, a matrix (n, n) that maps its old units to its new ones: a permutation, or a doubly stochastic matrix near one."""


@dataclass(frozen=True)
class Part:
    """Successive entries along an axis of a parameter."""

    size: int
    layer: str | None = None
    """Layer whose units the entries belong to, one each; None: inputs, outputs and other entries that keep their places."""


Axis = tuple[Part, ...]
"""An axis of a parameter. One that belongs to a single layer has one part; the gates of a GRU and joined inputs have several."""


@dataclass(frozen=True)
class Symmetries:
    """The permutation symmetries of a kind of network.

    Source: FLEET-MERGE, section 3 and appendix B.1. Equation 3.3 leaves out the matrix behind the last hidden layer, which is
    permuted as well.
    """

    axes: Mapping[str, tuple[Axis, ...]]
    """Axes of every parameter."""

    @property
    def layers(self) -> dict[str, int]:
        """Number of units of every layer.

        Raises:
            ValueError: two parts of a layer differ in size.
        """
        layers: dict[str, int] = {}
        for name, axes in self.axes.items():
            for part in (part for axis in axes for part in axis if part.layer is not None):
                if layers.setdefault(str(part.layer), part.size) != part.size:
                    raise ValueError(
                        f"{name}: expected {layers[str(part.layer)]} units of {part.layer}, got {part.size}"
                    )
        return layers

    def of_layer(self, layer: str) -> Symmetries:
        """Return the symmetries of those parameters that belong to the units of a layer."""
        return Symmetries(
            {
                name: axes
                for name, axes in self.axes.items()
                if any(part.layer == layer for axis in axes for part in axis)
            }
        )

    def permuted(self, parameters: Parameters, permutations: Permutations) -> dict[str, Tensor]:
        """Return the parameters of the same network with its units in other places, differentiable by both arguments.

        Layers without a permutation keep theirs. With doubly stochastic matrices, transposes stand for inverses.
        """
        return self._along_axes(parameters, permutations, lambda part, matrix: part @ matrix.T)

    def reordered(self, parameters: Parameters, orders: Permutations) -> dict[str, Tensor]:
        """Return the same for permutations as indices: by layer, the old place (n,) of each new unit."""
        return self._along_axes(parameters, orders, lambda part, order: part[..., order])

    def identity(self) -> dict[str, Tensor]:
        """Return the orders in which all units keep their places."""
        return {layer: torch.arange(units) for layer, units in self.layers.items()}

    def random(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Return random orders."""
        return {layer: torch.randperm(units, generator=generator) for layer, units in self.layers.items()}

    def require(self, parameters: Parameters) -> None:
        """Refuse parameters of another network.

        Raises:
            ValueError: names or shapes differ.
        """
        expected = {name: tuple(sum(part.size for part in axis) for axis in axes) for name, axes in self.axes.items()}
        found = {name: tuple(tensor.shape) for name, tensor in parameters.items()}
        for name in sorted(expected.keys() | found.keys()):
            if expected.get(name) != found.get(name):
                raise ValueError(f"{name}: expected shape {expected.get(name)}, got {found.get(name)}")

    def _along_axes(
        self, parameters: Parameters, moves: Permutations, move: Callable[[Tensor, Tensor], Tensor]
    ) -> dict[str, Tensor]:
        """Apply `move` to the parts (..., n) of every parameter whose layer has a move."""
        moved = {}
        for name, axes in self.axes.items():
            tensor = parameters[name]
            for dimension, axis in enumerate(axes):
                if any(part.layer in moves for part in axis):
                    parts = torch.split(tensor.movedim(dimension, -1), [part.size for part in axis], -1)
                    joined = [
                        move(own, moves[part.layer]) if part.layer is not None and part.layer in moves else own
                        for own, part in zip(parts, axis, strict=True)
                    ]
                    tensor = torch.cat(joined, -1).movedim(-1, dimension)
            moved[name] = tensor
        return moved


def as_matrices(orders: Permutations) -> dict[str, Tensor]:
    """Return permutations (n, n) of orders (n,)."""
    return {layer: torch.eye(len(order))[order] for layer, order in orders.items()}


def inverse(orders: Permutations) -> dict[str, Tensor]:
    """Return the orders that undo these."""
    return {layer: torch.argsort(order) for layer, order in orders.items()}


def composed(first: Permutations, second: Permutations) -> dict[str, Tensor]:
    """Return the orders that do the same as one after the other."""
    return {layer: order[second[layer]] for layer, order in first.items()}
