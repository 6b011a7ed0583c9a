"""Encoders: the part of a policy that sees the observation alone and runs once per observation.

E ensemble members, B batch, S features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor
from typing_extensions import override

from fleet_contract.robot import Stream
from fleet_learning.image_encoder import ImageEncoders, ImageEncoderShape
from fleet_learning.policy import PolicyConfig
from fleet_learning.state_encoder import StateEncoders, StateEncoderShape

EncoderShape = ImageEncoderShape | StateEncoderShape
Encoders = ImageEncoders | StateEncoders
PREFIX = "encoder."
"""Start of the names of an encoder's tensors."""


class ModelShape(Protocol):
    """Size of the part of a policy that follows its encoder."""

    @property
    def state_dim(self) -> int:
        """Length of the encoder's features; without an encoder, of the state."""

    @property
    def action_dim(self) -> int:
        """Length of an action, A."""


class EncodedConfig(PolicyConfig):
    """Base of the configs of policies that may have an encoder."""

    shape: ModelShape
    encoder: EncoderShape | None

    @property
    @override
    def observes(self) -> Stream:
        return self.encoder.stream if self.encoder else "state"

    @property
    @override
    def observed_shape(self) -> tuple[int, ...]:
        return self.encoder.observed if self.encoder else (self.shape.state_dim,)

    @property
    @override
    def action_dim(self) -> int:
        return self.shape.action_dim


def encode(encoders: Encoders | None, observed_EB: Tensor) -> Tensor:
    """Return features (E, B, S) of observations in model space; without an encoder, the observations themselves."""
    return encoders(observed_EB) if encoders else observed_EB


def encoder_tensors(encoders: Encoders | None) -> dict[str, Tensor]:
    """Return the encoders' parameters by name, to be stored beside other parts of a policy."""
    return {f"{PREFIX}{name}": tensor for name, tensor in encoders.tensors().items()} if encoders else {}


def split_tensors(
    tensors: Mapping[str, Tensor], shape: EncoderShape | None, members: int
) -> tuple[Encoders | None, dict[str, Tensor]]:
    """Return encoders from tensors that `encoder_tensors` named, and the tensors of other parts.

    Raises:
        KeyError: a tensor is missing.
        ValueError: a tensor has another shape.
    """
    if shape is None:
        return None, dict(tensors)
    own = {name.removeprefix(PREFIX): tensor for name, tensor in tensors.items() if name.startswith(PREFIX)}
    others = {name: tensor for name, tensor in tensors.items() if not name.startswith(PREFIX)}
    return shape.encoders_from(own, members), others
