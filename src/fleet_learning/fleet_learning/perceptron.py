"""Ensembles of multilayer perceptrons, evaluated as one batch.

E ensemble members, B batch, I inputs, O outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor

from fleet_learning.layers import Layers


@dataclass(frozen=True)
class Perceptrons(Layers):
    """Linear layers with ReLU in between: weights (E, inputs, outputs), biases (E, 1, outputs)."""

    ends_with_relu: ClassVar[bool] = False
    """Whether the last layer is followed by a ReLU as well."""

    def __call__(self, inputs_EBI: Tensor) -> Tensor:
        """Return outputs (E, B, O), differentiable."""
        outputs = inputs_EBI
        for outputs in self.layer_outputs(inputs_EBI):  # noqa: B007 - the last ones are returned
            pass
        return outputs

    def layer_outputs(self, inputs_EBI: Tensor) -> Iterator[Tensor]:
        """Yield what each layer gives to the next one, and at last the outputs: (E, B, width) each, differentiable."""
        hidden, rectified = inputs_EBI, len(self.weights) - (not self.ends_with_relu)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = torch.baddbmm(bias, hidden, weight)
            hidden = torch.relu(hidden) if layer < rectified else hidden
            yield hidden

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
