"""Layers of an ensemble: weights and biases, one set per member.

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
    """What a net has learned, layer by layer."""

    weights: tuple[Tensor, ...]
    """(E, ...) per layer."""
    biases: tuple[Tensor, ...]
    """(E, ...) per layer."""

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Tensor], weights: Sequence[tuple[int, ...]], biases: Sequence[tuple[int, ...]]
    ) -> Self:
        """Layers of these shapes, with the parameters that `tensors` named; see `with_tensors`."""
        like = cls(*(tuple(torch.empty(shape, device="meta") for shape in shapes) for shapes in (weights, biases)))
        return like.with_tensors(tensors)

    @property
    def members(self) -> int:
        """E."""
        return len(self.weights[0])

    def parameters(self) -> list[Tensor]:
        """All weights, then all biases."""
        return [*self.weights, *self.biases]

    def changed(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The same layers with parameters that `change` makes of these."""
        weights, biases = (tuple(change(part) for part in parts) for parts in (self.weights, self.biases))
        return type(self)(weights, biases)

    def member(self, index: int) -> Self:
        """One member alone."""
        return self.changed(lambda parameter: parameter[index : index + 1])

    def trainable(self) -> Self:
        """A copy whose parameters are leaves that gradients flow to."""
        return self.changed(lambda parameter: parameter.detach().clone().requires_grad_())

    def frozen(self) -> Self:
        """A copy without gradients."""
        return self.changed(lambda parameter: parameter.detach().clone())

    def to(self, device: torch.device) -> Self:
        """The same on another device."""
        return self.changed(lambda parameter: parameter.to(device))

    def tensors(self) -> dict[str, Tensor]:
        """Parameters by name."""
        return {f"weights.{i}": weight for i, weight in enumerate(self.weights)} | {
            f"biases.{i}": bias for i, bias in enumerate(self.biases)
        }

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Self:
        """The same layers with the parameters that `tensors` named.

        Raises:
            KeyError: a tensor is missing.
            ValueError: there are other tensors, or a shape is another.
        """
        own = self.tensors()
        if any(tensors[name].shape != tensor.shape for name, tensor in own.items()) or len(tensors) > len(own):
            raise ValueError(f"tensors are not those of {self.members} members of {type(self).__name__} of this shape")
        names = list(own)
        return type(self)(
            tuple(tensors[name] for name in names[: len(self.weights)]),
            tuple(tensors[name] for name in names[len(self.weights) :]),
        )
