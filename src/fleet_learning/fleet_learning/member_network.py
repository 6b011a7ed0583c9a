"""The network of one member of an ensemble: an encoder, if the policy has one, and a perceptron.

B pairs, K actions of a pair, I inputs, X samples, S features, A action dim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from typing_extensions import override

from fleet_learning.encoder import PREFIX, EncoderShape, split_tensors
from fleet_learning.image_encoder import KERNEL, ImageEncoders, ImageEncoderShape
from fleet_learning.network import Linear, Network
from fleet_learning.perceptron import Perceptrons, perceptrons_from
from fleet_learning.symmetry import Axis, Parameters, Part, Symmetries

ONE: Axis = (Part(1),)
"""Axis of the members, and the middle one of biases."""
COORDINATES = 2
"""Features per filter of an image encoder: all columns come first, then all rows."""


@dataclass(frozen=True)
class ObservedPairs:
    """Observations and actions in model space."""

    observations_B: Tensor
    """States (B, S) or images (B, H, W, C)."""
    actions_BKA: Tensor
    """The recorded action, and others if the network sees actions."""


@dataclass(frozen=True)
class MemberNetwork(Network[ObservedPairs]):
    """A kind of network that is derived from the shape of a policy; its parameters are the policy's tensors with one member."""

    encoder: EncoderShape | None
    sizes: Sequence[int]
    """Number of inputs, hidden widths, number of outputs of the perceptron."""
    sees_actions: bool
    """Whether the perceptron's last inputs are an action."""

    @property
    @override
    def symmetries(self) -> Symmetries:
        axes: dict[str, tuple[Axis, ...]] = {}
        features: Axis = ()
        if isinstance(self.encoder, ImageEncoderShape):
            channels: Axis = (Part(self.encoder.channels),)
            for layer, filters in enumerate(self.encoder.filters):
                own = (Part(filters, _encoder_layer(layer)),)
                axes[f"{PREFIX}weights.{layer}"] = (ONE, own, channels, (Part(KERNEL),), (Part(KERNEL),))
                axes[f"{PREFIX}biases.{layer}"] = (ONE, own)
                channels = own
            features = channels * COORDINATES
        elif self.encoder:
            layers = [Part(self.encoder.width, _encoder_layer(layer)) for layer in range(self.encoder.depth)]
            axes |= _perceptron_axes(PREFIX, (Part(self.encoder.state_dim),), layers)
            features = (layers[-1],)
        others = self.sizes[0] - sum(part.size for part in features)
        inputs = features + ((Part(others),) if others else ())
        hidden = [Part(width, _hidden_layer(layer)) for layer, width in enumerate(self.sizes[1:-1])]
        return Symmetries(axes | _perceptron_axes("", inputs, [*hidden, Part(self.sizes[-1])]))

    @property
    @override
    def linears(self) -> tuple[Linear, ...]:
        layers = [("", layer) for layer in range(len(self.sizes) - 1)]
        if self.encoder and not isinstance(self.encoder, ImageEncoderShape):
            layers += [(PREFIX, layer) for layer in range(self.encoder.depth)]
        return tuple(
            Linear(f"{prefix}weights.{layer}", f"{prefix}biases.{layer}", outputs_first=False)
            for prefix, layer in layers
        )

    @override
    def outputs(self, parameters: Parameters, observed: ObservedPairs) -> Tensor:
        """Return (B, O), or (B, K, O) of a network that sees actions."""
        return self._trace(parameters, observed).outputs

    @override
    def inputs(self, parameters: Parameters, observed: ObservedPairs) -> Mapping[str, Tensor]:
        return self._trace(parameters, observed).inputs

    @override
    def activations(self, parameters: Parameters, observed: ObservedPairs) -> Mapping[str, Tensor]:
        return self._trace(parameters, observed).activations

    def _trace(self, parameters: Parameters, observed: ObservedPairs) -> _Trace:
        trace = _Trace(observed.observations_B)
        encoders, own = split_tensors(parameters, self.encoder, 1)
        if isinstance(encoders, ImageEncoders):
            for layer, outputs in enumerate(encoders.layer_outputs(0, observed.observations_B)):
                filters = encoders.biases[layer].shape[1]
                # The coordinates (B, 2F) of the last layer, or maps (B, F, H, W).
                units = outputs.reshape(len(outputs), -1, filters, *outputs.shape[2:]).movedim(2, -1)
                trace.activations[_encoder_layer(layer)] = units.flatten(0, -2)
                trace.outputs = outputs
        elif encoders:
            trace.follow(encoders, PREFIX)
        if self.sees_actions:
            repeated_BKS = trace.outputs[:, None].expand(-1, observed.actions_BKA.shape[1], -1)
            trace.outputs = torch.cat([repeated_BKS, observed.actions_BKA], -1)
        trace.follow(perceptrons_from(own, 1, self.sizes), "")
        return trace


@dataclass
class _Trace:
    """What the layers of a network see and give."""

    outputs: Tensor
    """Outputs of the last layer so far."""
    inputs: dict[str, Tensor] = field(default_factory=dict)
    activations: dict[str, Tensor] = field(default_factory=dict)

    def follow(self, net: Perceptrons, prefix: str) -> None:
        """Continue with the layers of a perceptron."""
        leading, seen = self.outputs.shape[:-1], self.outputs.flatten(0, -2)
        for layer, outputs_1XO in enumerate(net.layer_outputs(seen[None])):
            self.inputs[f"{prefix}weights.{layer}"] = seen
            seen = outputs_1XO[0]
            if layer < len(net.weights) - 1 or net.ends_with_relu:
                self.activations[_encoder_layer(layer) if prefix else _hidden_layer(layer)] = seen
        self.outputs = seen.view(*leading, -1)


def _perceptron_axes(prefix: str, inputs: Axis, layers: Sequence[Part]) -> dict[str, tuple[Axis, ...]]:
    axes: dict[str, tuple[Axis, ...]] = {}
    for index, own in enumerate(layers):
        axes |= {f"{prefix}weights.{index}": (ONE, inputs, (own,)), f"{prefix}biases.{index}": (ONE, ONE, (own,))}
        inputs = (own,)
    return axes


def _encoder_layer(index: int) -> str:
    return f"encoder {index + 1}"


def _hidden_layer(index: int) -> str:
    return f"hidden {index + 1}"
