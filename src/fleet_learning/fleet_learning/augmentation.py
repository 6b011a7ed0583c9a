"""Image augmentation: changes of an image under which the right action stays the same (IIFL appendix 7.3.3).

H image rows, W image columns, C channels. Colours are RGB or BGR, 0 to 255.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""An image (H, W, C)."""
MIDDLE = 127.0
"""Grey level that a change of contrast leaves as it is."""
BRIGHTEST = 255.0
"""Largest value of a channel."""
QUANTILES = 1 << 16
"""Number of different values of normal noise, the largest of which is 4.2 standard deviations."""


@dataclass(frozen=True)
class Augmentation:
    """The number of copies of an image and the ranges of their changes, drawn uniformly; the defaults are the paper's.

    `shift_px` is not in the paper. Without it, an encoder that sees a few hundred images learns to tell them apart instead of
    where things are in them (docs/results.md has figures).
    """

    copies: int = 10
    """Number of copies of every image; the first is the unchanged image."""
    contrast: tuple[float, float] = (0.85, 1.15)
    """Factor on the difference from grey."""
    added: tuple[float, float] = (-10.0, 10.0)
    """Offset of all values of a channel, drawn per channel."""
    gamma: tuple[float, float] = (0.9, 1.1)
    """Exponent of values scaled to [0, 1]."""
    blur_px: tuple[float, float] = (0.0, 0.3)
    """Standard deviation of a Gaussian blur, pixels."""
    saturation: tuple[float, float] = (0.95, 1.05)
    """Factor on the difference from the grey image of the same brightness."""
    noise: tuple[float, float] = (0.0, BRIGHTEST / 80)
    """Standard deviation of Gaussian noise, drawn per value."""
    shift_px: tuple[float, float] = (0.0, 0.0)
    """Shift to the right and down, pixels, drawn separately."""

    def copy(self, image: Image, index: int, rng: np.random.Generator) -> Image:
        """Return one of the copies, (H, W, C)."""
        if index == 0:
            return image
        image = with_shift(image, *rng.uniform(*self.shift_px, size=2))
        image = _looked_up(image, self._colours(image.shape[-1], rng))
        image = with_blur(image, rng.uniform(*self.blur_px))
        image = with_saturation(image, rng.uniform(*self.saturation))
        return with_noise(image, rng.uniform(*self.noise), rng)

    def _colours(self, channels: int, rng: np.random.Generator) -> Image:
        """Return what contrast, offset and gamma make of every value of a channel, (256, 1, C)."""
        values = with_contrast(np.repeat(_VALUES.reshape(256, 1, 1), channels, axis=2), rng.uniform(*self.contrast))
        values = with_added(values, rng.uniform(*self.added, size=(channels,)))
        return with_gamma(values, rng.uniform(*self.gamma))


def with_shift(image: Image, columns: float, rows: float) -> Image:
    """Shift the image to the right and down; its edges are repeated in the uncovered area."""
    transform = np.array([[1.0, 0.0, columns], [0.0, 1.0, rows]])
    size = image.shape[1], image.shape[0]
    shifted = cv2.warpAffine(image, transform, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(shifted, dtype=np.uint8).reshape(image.shape)


def with_contrast(image: Image, factor: float) -> Image:
    """Scale the difference from the middle grey."""
    return _looked_up(image, _rounded(MIDDLE + factor * (_VALUES - MIDDLE)))


def with_added(image: Image, values_C: NDArray[np.float64]) -> Image:
    """Add an offset to each channel."""
    values = np.broadcast_to(np.rint(values_C), image.shape)
    return np.asarray(cv2.add(image, values, dtype=cv2.CV_8U), dtype=np.uint8).reshape(image.shape)


def with_gamma(image: Image, exponent: float) -> Image:
    """Apply gamma correction."""
    return _looked_up(image, _rounded(BRIGHTEST * (_VALUES / BRIGHTEST) ** exponent))


def with_blur(image: Image, sigma_px: float) -> Image:
    """Apply a Gaussian blur."""
    return np.asarray(cv2.GaussianBlur(image, (3, 3), max(sigma_px, 1e-3)), dtype=np.uint8).reshape(image.shape)


def with_saturation(image: Image, factor: float) -> Image:
    """Scale the saturation; grey images stay as they are."""
    if image.shape[-1] == 1:
        return image
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(image, factor, grey, 1 - factor, 0), dtype=np.uint8)


def with_noise(image: Image, sigma: float, rng: np.random.Generator) -> Image:
    """Add Gaussian noise, drawn by its quantiles: three times faster than `standard_normal`."""
    noise = _normal_quantiles().take(rng.integers(QUANTILES, size=image.shape, dtype=np.uint16)) * np.float32(sigma)
    return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), dtype=np.uint8).reshape(image.shape)


_VALUES = np.arange(256, dtype=np.uint8)


@cache
def _normal_quantiles() -> NDArray[np.float32]:
    """Return the middles of equally likely parts of the standard normal distribution, (QUANTILES,)."""
    shares = (torch.arange(QUANTILES, dtype=torch.float64) + 0.5) / QUANTILES
    return np.asarray(torch.special.ndtri(shares), dtype=np.float32)


def _rounded(values: NDArray[np.floating]) -> Image:
    return np.asarray(np.rint(np.clip(values, 0, BRIGHTEST)), dtype=np.uint8)


def _looked_up(image: Image, table: Image) -> Image:
    """Replace every value by that of the table, (256,) for all channels or (256, 1, C)."""
    return np.asarray(cv2.LUT(image, table), dtype=np.uint8).reshape(image.shape)
