"""Layers of an ensemble: one set of weights and biases per member.

E ensemble members.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Layers:
    """Parameters of an ensemble of networks, layer by layer."""

    weights: tuple[Tensor, ...]
    """Weights (E, ...) per layer."""
    biases: tuple[Tensor, ...]
    """Biases (E, ...) per layer."""

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Tensor], weights: Sequence[tuple[int, ...]], biases: Sequence[tuple[int, ...]]
    ) -> Self:
        """Return layers of these shapes from tensors that `tensors()` named.

        Raises:
            KeyError: a tensor is missing.
            ValueError: there are other tensors, or one has another shape.
        """
        like = cls(*(tuple(torch.empty(shape, device="meta") for shape in shapes) for shapes in (weights, biases)))
        return like.with_tensors(tensors)

    @property
    def members(self) -> int:
        """Number of members, E."""
        return len(self.weights[0])

    def parameters(self) -> list[Tensor]:
        """Return all weights, then all biases."""
        return [*self.weights, *self.biases]

    def with_parameters(self, parameters: Sequence[Tensor]) -> Self:
        """Return layers with other parameters, in the order of `parameters()`; they may be those of other members."""
        return type(self)(tuple(parameters[: len(self.weights)]), tuple(parameters[len(self.weights) :]))

    def changed(self, change: Callable[[Tensor], Tensor]) -> Self:
        """Return the same layers with `change` applied to every parameter."""
        weights, biases = (tuple(change(part) for part in parts) for parts in (self.weights, self.biases))
        return type(self)(weights, biases)

    def member(self, index: int) -> Self:
        """Return one member as an ensemble of one."""
        return self.changed(lambda parameter: parameter[index : index + 1])

    def trainable(self) -> Self:
        """Return a copy whose parameters are leaves that require gradients."""
        return self.changed(lambda parameter: parameter.detach().clone().requires_grad_())

    def frozen(self) -> Self:
        """Return a copy that requires no gradients."""
        return self.changed(lambda parameter: parameter.detach().clone())

    def to(self, device: torch.device) -> Self:
        """Return the same layers on another device."""
        return self.changed(lambda parameter: parameter.to(device))

    def tensors(self) -> dict[str, Tensor]:
        """Return the parameters by name."""
        return {f"weights.{i}": weight for i, weight in enumerate(self.weights)} | {
            f"biases.{i}": bias for i, bias in enumerate(self.biases)
        }

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Self:
        """Return layers of the same shape from tensors that `tensors()` named.

        Raises:
            KeyError: a tensor is missing.
            ValueError: there are other tensors, or one has another shape.
        """
        own = self.tensors()
        if any(tensors[name].shape != tensor.shape for name, tensor in own.items()) or len(tensors) > len(own):
            raise ValueError(
                f"tensors: expected those of {self.members} members of {type(self).__name__} of this shape, got others"
            )
        names = list(own)
        return type(self)(
            tuple(tensors[name] for name in names[: len(self.weights)]),
            tuple(tensors[name] for name in names[len(self.weights) :]),
        )
