"""What merging needs to know of a kind of network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from torch import Tensor

from fleet_learning.symmetry import Parameters, Symmetries

ObservedT_contra = TypeVar("ObservedT_contra", contravariant=True)
"""What a network sees: its observations, or whatever else it needs beside them."""


@dataclass(frozen=True)
class Linear:
    """A linear map of a network."""

    weight: str
    """Name of its weight, whose last two dimensions are inputs and outputs."""
    bias: str | None
    """Name of its bias, whose last dimension is the outputs."""
    outputs_first: bool = True
    """Whether the weight is (..., outputs, inputs), as in torch, or (..., inputs, outputs)."""


class Network(Protocol[ObservedT_contra]):
    """A kind of network, as pure functions of parameters by name."""

    @property
    def symmetries(self) -> Symmetries:
        """Its permutation symmetries."""

    @property
    def linears(self) -> tuple[Linear, ...]:
        """Its linear maps."""

    def outputs(self, parameters: Parameters, observed: ObservedT_contra) -> Tensor:
        """Return the outputs, differentiable by the parameters."""

    def inputs(self, parameters: Parameters, observed: ObservedT_contra) -> Mapping[str, Tensor]:
        """Return the inputs of the linear maps by the name of their weight, (samples, inputs) each."""

    def activations(self, parameters: Parameters, observed: ObservedT_contra) -> Mapping[str, Tensor]:
        """Return the activations of every layer of the symmetries, (samples, units) each."""
