"""The image autoencoder of the world model.

B images, H image rows, W image columns or width of a latent, C channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

KERNEL = 3
"""Rows and columns of the convolution kernels."""
GROUPS = 8
"""Groups of the group normalisations."""


@dataclass(frozen=True)
class AutoencoderShape:
    """Size of an autoencoder."""

    height: int
    """H, pixels; a multiple of the product of the strides."""
    width: int
    """W, pixels; a multiple of the product of the strides."""
    filters: tuple[int, ...]
    """Filters of the encoder's convolutions, multiples of 8; the decoder mirrors them."""
    strides: tuple[int, ...]
    """Strides of the encoder's convolutions."""
    map_channels: int
    """Channels of the map at which the convolutions end."""
    dense: int | None = None
    """Width of a latent that a linear layer computes from the map; None: the latent is the map itself, flattened."""
    channels: int = 3
    """C, colour channels."""

    def __post_init__(self) -> None:
        """Refuse images that the strides do not divide.

        Raises:
            ValueError: the sizes do not fit each other.
        """
        shrink = math.prod(self.strides)
        if len(self.filters) != len(self.strides):
            raise ValueError(f"strides: expected {len(self.filters)}, one per convolution, got {len(self.strides)}")
        if self.height % shrink or self.width % shrink:
            raise ValueError(f"height and width: expected multiples of {shrink}, got {self.height} and {self.width}")

    @property
    def observed(self) -> tuple[int, ...]:
        """Shape of one image, (H, W, C)."""
        return self.height, self.width, self.channels

    @property
    def map_shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns of the map at which the convolutions end."""
        shrink = math.prod(self.strides)
        return self.map_channels, self.height // shrink, self.width // shrink

    @property
    def latent(self) -> int:
        """Width of a latent, W."""
        return self.dense or math.prod(self.map_shape)


class Autoencoder(nn.Module):
    """Convolutions to a latent and back, without connections that bypass the latent.

    The paper calls it a U-Net; in its published code it is the autoencoder of a latent diffusion model, whose latent is a map.
    The convolutions here are plain, without that model's residual blocks.
    """

    def __init__(self, shape: AutoencoderShape) -> None:
        super().__init__()
        sizes = (shape.channels, *shape.filters)
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for (inputs, outputs), stride in zip(pairwise(sizes), shape.strides, strict=True):
            down += [nn.Conv2d(inputs, outputs, KERNEL, stride, KERNEL // 2), *_activation(outputs)]
            last = _activation(inputs) if up else []
            up = [nn.Upsample(scale_factor=stride), nn.Conv2d(outputs, inputs, KERNEL, 1, KERNEL // 2), *last, *up]
        features = math.prod(shape.map_shape)
        dense = shape.dense
        self.encoder = nn.Sequential(
            *down,
            nn.Conv2d(sizes[-1], shape.map_channels, 1),
            nn.Flatten(),
            *([nn.Linear(features, dense)] if dense else []),
        )
        self.decoder = nn.Sequential(
            *([nn.Linear(dense, features)] if dense else []),
            nn.Unflatten(1, shape.map_shape),
            nn.Conv2d(shape.map_channels, sizes[-1], 1),
            *_activation(sizes[-1]),
            *up,
        )
        # Convolutions of few channels are twice as fast in this format.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def encode(self, images_BHWC: Tensor) -> Tensor:
        """Return latents (B, W) of images of 8-bit values, differentiable by the parameters."""
        latents: Tensor = self.encoder(as_intensities(images_BHWC))
        return latents

    def decode(self, latents_BW: Tensor) -> Tensor:
        """Return intensities (B, C, H, W), 0 to 1, differentiable."""
        return torch.sigmoid(self.decoder(latents_BW))


def as_intensities(images_BHWC: Tensor) -> Tensor:
    """Return images of 8-bit values as intensities (B, C, H, W), 0 to 1."""
    return images_BHWC.permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last) / 255


def _activation(filters: int) -> list[nn.Module]:
    return [nn.GroupNorm(GROUPS, filters), nn.SiLU()]
