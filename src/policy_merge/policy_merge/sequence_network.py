"""Policies that see sequences: feed-forward, Elman and gated recurrent layers, and a linear output.

X sequences, T steps, I inputs, O outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from typing_extensions import override

from fleet_learning.network import Linear, Network
from fleet_learning.symmetry import Parameters, Part, Symmetries

GATES = {"feed-forward": 1, "elman": 1, "gru": 3}
"""Rows of a weight per unit."""


@dataclass(frozen=True)
class SequenceShape:
    """Size of a network."""

    inputs: int
    outputs: int
    width: int = 128
    depth: int = 3
    """Number of hidden layers."""
    kind: Literal["feed-forward", "elman", "gru"] = "elman"


@dataclass(frozen=True)
class SequenceNetwork(Network[Tensor]):
    """Layers of one kind, all of one width, with tanh where nothing else belongs to the kind (FLEET-MERGE, equation 2.2).

    The first hidden state is zero, so that permutations need not change it. The output is linear.
    """

    shape: SequenceShape

    def new(self, seed: int) -> dict[str, Tensor]:
        """Return untrained parameters, as torch draws them."""
        with torch.random.fork_rng():  # modules draw their initial weights from the global random state
            torch.manual_seed(seed)
            module = _Module(self.shape)
        return {name: parameter.detach().clone() for name, parameter in module.named_parameters()}

    @property
    @override
    def symmetries(self) -> Symmetries:
        shape, gates = self.shape, GATES[self.shape.kind]
        axes: dict[str, tuple[tuple[Part, ...], ...]] = {}
        before: tuple[Part, ...] = (Part(shape.inputs),)
        for layer in range(shape.depth):
            own = Part(shape.width, _layer(layer))
            rows = (own,) * gates
            if shape.kind == "feed-forward":
                axes |= {f"layers.{layer}.weight": (rows, before), f"layers.{layer}.bias": (rows,)}
            else:
                axes |= {
                    f"layers.{layer}.weight_ih_l0": (rows, before),
                    f"layers.{layer}.weight_hh_l0": (rows, (own,)),
                    f"layers.{layer}.bias_ih_l0": (rows,),
                    f"layers.{layer}.bias_hh_l0": (rows,),
                }
            before = (own,)
        return Symmetries(
            axes | {"head.weight": ((Part(shape.outputs),), before), "head.bias": ((Part(shape.outputs),),)}
        )

    @property
    @override
    def linears(self) -> tuple[Linear, ...]:
        hidden = [
            Linear(f"layers.{layer}.{weight}", f"layers.{layer}.{bias}")
            for layer in range(self.shape.depth)
            for weight, bias in (
                [("weight", "bias")]
                if self.shape.kind == "feed-forward"
                else [("weight_ih_l0", "bias_ih_l0"), ("weight_hh_l0", "bias_hh_l0")]
            )
        ]
        return (*hidden, Linear("head.weight", "head.bias"))

    @override
    def outputs(self, parameters: Parameters, observed: Tensor) -> Tensor:
        """Return the outputs (X, T, O) of sequences (X, T, I)."""
        outputs: Tensor = functional_call(self._module, dict(parameters), (observed,))
        return outputs

    @override
    def inputs(self, parameters: Parameters, observed: Tensor) -> Mapping[str, Tensor]:
        hidden = self._hidden(parameters, observed)
        inputs = {}
        for layer, (before, after) in enumerate(zip([observed, *hidden], hidden, strict=False)):
            if self.shape.kind == "feed-forward":
                inputs[f"layers.{layer}.weight"] = before.flatten(0, 1)
            else:
                inputs[f"layers.{layer}.weight_ih_l0"] = before.flatten(0, 1)
                # The hidden state of the step before, zero at first.
                earlier = torch.cat([torch.zeros_like(after[:, :1]), after[:, :-1]], 1)
                inputs[f"layers.{layer}.weight_hh_l0"] = earlier.flatten(0, 1)
        return inputs | {"head.weight": hidden[-1].flatten(0, 1)}

    @override
    def activations(self, parameters: Parameters, observed: Tensor) -> Mapping[str, Tensor]:
        hidden = self._hidden(parameters, observed)
        return {_layer(layer): own.flatten(0, 1) for layer, own in enumerate(hidden)}

    def _hidden(self, parameters: Parameters, observed: Tensor) -> list[Tensor]:
        """Return the activations (X, T, width) of every hidden layer."""
        hidden: list[Tensor] = functional_call(self._module, dict(parameters), (observed,), {"hidden": True})
        return hidden

    @cached_property
    def _module(self) -> _Module:
        return _Module(self.shape)


class _Module(nn.Module):
    """The layers; which parameters they have is decided at every call."""

    def __init__(self, shape: SequenceShape) -> None:
        super().__init__()
        widths = [shape.inputs, *[shape.width] * (shape.depth - 1)]
        kinds = {"feed-forward": nn.Linear, "elman": nn.RNN, "gru": nn.GRU}
        options = {} if shape.kind == "feed-forward" else {"batch_first": True}
        self.layers = nn.ModuleList(kinds[shape.kind](inputs, shape.width, **options) for inputs in widths)
        self.head = nn.Linear(shape.width, shape.outputs)

    def forward(self, observed: Tensor, *, hidden: bool = False) -> Tensor | list[Tensor]:
        states, present = [], observed
        for layer in self.layers:
            present = torch.tanh(layer(present)) if isinstance(layer, nn.Linear) else layer(present)[0]
            states.append(present)
        outputs: Tensor = self.head(present)
        return states if hidden else outputs


def _layer(index: int) -> str:
    return f"hidden {index + 1}"
