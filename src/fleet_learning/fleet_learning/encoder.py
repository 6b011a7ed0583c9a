"""Encoders: what a policy makes of an observation, once, before it looks at actions.

E ensemble members, B batch, S features.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from fleet_contract.robot import Stream
from fleet_learning.image_encoder import ImageEncoders, ImageEncoderShape
from fleet_learning.state_encoder import StateEncoders, StateEncoderShape

EncoderShape = ImageEncoderShape | StateEncoderShape
Encoders = ImageEncoders | StateEncoders
PREFIX = "encoder."


def stream_of(shape: EncoderShape | None) -> Stream:
    """What is observed; without an encoder, states."""
    return shape.stream if shape else "state"


def observed_shape(shape: EncoderShape | None, state_dim: int) -> tuple[int, ...]:
    """Shape of one observation: (H, W, C) of an image, or (S,) of a state; without an encoder, of `state_dim` numbers."""
    return shape.observed if shape else (state_dim,)


def encode(encoders: Encoders | None, observed_EB: Tensor) -> Tensor:
    """States (E, B, S) behind observations in model space: an encoder's features, or the state that it is."""
    return encoders(observed_EB) if encoders else observed_EB


def encoder_tensors(encoders: Encoders | None) -> dict[str, Tensor]:
    """Parameters by name, beside those of other parts of a policy."""
    return {f"{PREFIX}{name}": tensor for name, tensor in encoders.tensors().items()} if encoders else {}


def split_tensors(
    tensors: Mapping[str, Tensor], shape: EncoderShape | None, members: int
) -> tuple[Encoders | None, dict[str, Tensor]]:
    """Encoders from what `encoder_tensors` names, and the tensors of other parts.

    Raises:
        KeyError: a tensor is missing.
        ValueError: a shape is another.
    """
    if shape is None:
        return None, dict(tensors)
    own = {name.removeprefix(PREFIX): tensor for name, tensor in tensors.items() if name.startswith(PREFIX)}
    others = {name: tensor for name, tensor in tensors.items() if not name.startswith(PREFIX)}
    return shape.encoders_from(own, members), others
