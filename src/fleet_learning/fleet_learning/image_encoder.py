"""Image encoders: from an image to the positions of things in it.

E ensemble members, B batch, H image rows, W image columns, C channels, F filters of the last layer, S features.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from fleet_contract.robot import Stream
from fleet_learning.layers import Layers
from fleet_learning.parallel import in_parallel

KERNEL = 3
"""Rows and columns of every convolution kernel."""
SPATIAL_STEPS = (2, 2)
"""Strides of the first layers; the others have stride 1."""
SPREAD = 4.0
"""Scale of the features: a thing that moves over a part of the image then varies about as much as a normalised state."""


@dataclass(frozen=True)
class ImageEncoderShape:
    """Size of an image encoder."""

    stream: ClassVar[Stream] = "camera"
    height: int
    """H, pixels."""
    width: int
    """W, pixels."""
    channels: int = 3
    """C, colour channels."""
    filters: tuple[int, ...] = (16, 32, 6)
    """Filters of every convolution. The last has few: a handful of positions suffices to act, and many would identify images."""

    @property
    def observed(self) -> tuple[int, ...]:
        """Shape of one image, (H, W, C)."""
        return self.height, self.width, self.channels

    @property
    def features(self) -> int:
        """Number of features, S: two coordinates per filter of the last convolution."""
        return 2 * self.filters[-1]

    def new(self, members: int, generator: torch.Generator) -> ImageEncoders:
        """Return untrained encoders: weights uniform within +- sqrt(6 / inputs) (He et al. 2015), drawn per member; zero biases."""
        weights, biases = self._layers(members)
        return ImageEncoders(
            tuple((2 * torch.rand(size, generator=generator) - 1) * (6 / _inputs(size)) ** 0.5 for size in weights),
            tuple(torch.zeros(size) for size in biases),
        )

    def encoders_from(self, tensors: Mapping[str, Tensor], members: int) -> ImageEncoders:
        """Return encoders from tensors that `ImageEncoders.tensors` named.

        Raises:
            KeyError: a tensor is missing.
            ValueError: there are other tensors, or one has another shape.
        """
        return ImageEncoders.from_tensors(tensors, *self._layers(members))

    def _layers(self, members: int) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
        """Return the shapes of weights and biases."""
        sizes = (self.channels, *self.filters)
        return (
            [(members, outputs, inputs, KERNEL, KERNEL) for inputs, outputs in pairwise(sizes)],
            [(members, outputs) for outputs in self.filters],
        )


@dataclass(frozen=True)
class ImageEncoders(Layers):
    """Convolutions with ReLU in between, then a spatial softmax (Finn et al. 2016; Florence et al. 2021, appendix D).

    Weights (E, F, C, rows, columns), biases (E, F). They run once per observation, not once per sampled action.
    """

    def __call__(self, images_EBHWC: Tensor) -> Tensor:
        """Return features (E, B, S) of images in model space: mean columns of all filters, then mean rows."""
        return torch.stack(in_parallel(self._features, list(enumerate(images_EBHWC))))

    def _features(self, member_images: tuple[int, Tensor]) -> Tensor:
        features_BS = member_images[1]
        for features_BS in self.layer_outputs(*member_images):  # noqa: B007 - the last ones are returned
            pass
        return features_BS

    def layer_outputs(self, member: int, images_BHWC: Tensor) -> Iterator[Tensor]:
        """Yield the maps (B, F, H, W) that each layer of a member gives to the next one, and at last the features (B, S)."""
        hidden = images_BHWC.permute(0, 3, 1, 2)
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            stride = SPATIAL_STEPS[layer] if layer < len(SPATIAL_STEPS) else 1
            hidden = conv2d(hidden, weight[member], bias[member], stride=stride, padding=KERNEL // 2)
            yield (hidden := hidden.relu_() if layer < last else SPREAD * spatial_softmax(hidden))


def spatial_softmax(maps_BFHW: Tensor) -> Tensor:
    """Return where each map is large, (B, 2F): the mean columns under its softmax, then the mean rows, in [-1, 1]."""
    rows, columns = maps_BFHW.shape[-2:]
    shares_BFHW = torch.softmax(maps_BFHW.flatten(2), -1).view_as(maps_BFHW)
    across_W = torch.linspace(-1, 1, columns, device=maps_BFHW.device, dtype=maps_BFHW.dtype)
    down_H = torch.linspace(-1, 1, rows, device=maps_BFHW.device, dtype=maps_BFHW.dtype)
    return torch.cat([shares_BFHW.sum(-2) @ across_W, shares_BFHW.sum(-1) @ down_H], -1)


def _inputs(size: Sequence[int]) -> int:
    return size[2] * size[3] * size[4]
