"""Ensembles of multilayer perceptrons, evaluated as one batch.

E ensemble members, B batch, I inputs, O outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from fleet_learning.layers import Layers


@dataclass(frozen=True)
class Perceptrons(Layers):
    """Linear layers with ReLU in between: weights (E, inputs, outputs), biases (E, 1, outputs)."""

    def __call__(self, inputs_EBI: Tensor) -> Tensor:
        """Return outputs (E, B, O), differentiable."""
        hidden = inputs_EBI
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = torch.relu(torch.baddbmm(bias, hidden, weight))
        return torch.baddbmm(self.biases[-1], hidden, self.weights[-1])

    @property
    def sizes(self) -> list[int]:
        """Number of inputs, hidden widths, number of outputs."""
        return [self.weights[0].shape[1], *[weight.shape[2] for weight in self.weights]]


def new_perceptrons(members: int, sizes: Sequence[int], generator: torch.Generator) -> Perceptrons:
    """Return untrained perceptrons: weights and biases uniform within +- 1 / sqrt(inputs), drawn per member."""
    weights, biases = [], []
    for inputs, outputs in pairwise(sizes):
        bound = inputs**-0.5
        weights.append((2 * torch.rand(members, inputs, outputs, generator=generator) - 1) * bound)
        biases.append((2 * torch.rand(members, 1, outputs, generator=generator) - 1) * bound)
    return Perceptrons(tuple(weights), tuple(biases))


def perceptrons_from(tensors: Mapping[str, Tensor], members: int, sizes: Sequence[int]) -> Perceptrons:
    """Return perceptrons from tensors that `Perceptrons.tensors` named.

    Raises:
        KeyError: a tensor is missing.
        ValueError: there are other tensors, or one has another shape.
    """
    weights, biases = [(members, *pair) for pair in pairwise(sizes)], [(members, 1, outputs) for outputs in sizes[1:]]
    return Perceptrons.from_tensors(tensors, weights, biases)
