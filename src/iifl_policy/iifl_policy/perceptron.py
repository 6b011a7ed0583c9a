"""Ensembles of multilayer perceptrons, evaluated as one batch.

E ensemble members, B batch, I inputs, O outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor


@dataclass(frozen=True)
class Perceptrons:
    """Linear layers with ReLU between them, one set per member."""

    weights: tuple[Tensor, ...]
    """(E, inputs, outputs) per layer."""
    biases: tuple[Tensor, ...]
    """(E, 1, outputs) per layer."""

    def __call__(self, inputs_EBI: Tensor) -> Tensor:
        """Outputs (E, B, O), differentiable."""
        hidden = inputs_EBI
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = torch.relu(torch.baddbmm(bias, hidden, weight))
        return torch.baddbmm(self.biases[-1], hidden, self.weights[-1])

    @property
    def members(self) -> int:
        """E."""
        return len(self.weights[0])

    @property
    def sizes(self) -> list[int]:
        """Inputs, hidden widths, outputs."""
        return [self.weights[0].shape[1], *[weight.shape[2] for weight in self.weights]]

    def parameters(self) -> list[Tensor]:
        """All weights, then all biases."""
        return [*self.weights, *self.biases]

    def member(self, index: int) -> Perceptrons:
        """One member alone."""
        return perceptrons([parameter[index : index + 1] for parameter in self.parameters()])

    def trainable(self) -> Perceptrons:
        """A copy whose parameters are leaves that gradients flow to."""
        return perceptrons([parameter.detach().clone().requires_grad_() for parameter in self.parameters()])

    def frozen(self) -> Perceptrons:
        """A copy without gradients."""
        return perceptrons([parameter.detach().clone() for parameter in self.parameters()])

    def to(self, device: torch.device) -> Perceptrons:
        """The same on another device."""
        return perceptrons([parameter.to(device) for parameter in self.parameters()])

    def tensors(self) -> dict[str, Tensor]:
        """Parameters by name."""
        return {f"weights.{i}": weight for i, weight in enumerate(self.weights)} | {
            f"biases.{i}": bias for i, bias in enumerate(self.biases)
        }


def perceptrons(parameters: Sequence[Tensor]) -> Perceptrons:
    """From what `Perceptrons.parameters` lists."""
    layers = len(parameters) // 2
    return Perceptrons(tuple(parameters[:layers]), tuple(parameters[layers:]))


def new_perceptrons(members: int, sizes: Sequence[int], generator: torch.Generator) -> Perceptrons:
    """Members begin with different weights, uniform within +- 1 / sqrt(inputs)."""
    weights, biases = [], []
    for inputs, outputs in pairwise(sizes):
        bound = inputs**-0.5
        weights.append((2 * torch.rand(members, inputs, outputs, generator=generator) - 1) * bound)
        biases.append((2 * torch.rand(members, 1, outputs, generator=generator) - 1) * bound)
    return Perceptrons(tuple(weights), tuple(biases))


def perceptrons_from(tensors: Mapping[str, Tensor], members: int, sizes: Sequence[int]) -> Perceptrons:
    """From what `Perceptrons.tensors` names.

    Raises:
        KeyError: a tensor is missing.
        ValueError: there are other tensors, or a shape is another.
    """
    layers = range(len(sizes) - 1)
    built = Perceptrons(tuple(tensors[f"weights.{i}"] for i in layers), tuple(tensors[f"biases.{i}"] for i in layers))
    shapes = [(members, *pair) for pair in pairwise(sizes)] + [(members, 1, outputs) for outputs in sizes[1:]]
    if len(tensors) != len(shapes) or [tuple(parameter.shape) for parameter in built.parameters()] != shapes:
        raise ValueError(f"tensors are not those of {members} perceptrons of sizes {list(sizes)}")
    return built
