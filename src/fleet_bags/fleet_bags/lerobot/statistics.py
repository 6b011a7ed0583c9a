"""Computes the statistics of features that a LeRobotDataset v3.0 holds of every episode and of the whole data set.

F frames, D dimensions, C channels, V values of a pixel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
LEVELS = 256
"""Number of values that a channel of a pixel can have."""
Statistics = dict[str, list[Any]]
"""min, max, mean, std, quantiles and count, each as a list over dimensions."""


def of_numbers(values_FD: NDArray[Any], whole: Statistics | None = None) -> Statistics:
    """Return statistics over the frames whose values are finite.

    Args:
        values_FD: numbers or booleans, (F, D).
        whole: statistics of all episodes. An episode without finite values gets these with a count of 0: they contain no NaN
            and do not change a weighted mean.
    """
    finite_FD = values_FD[np.isfinite(values_FD).all(axis=1)].astype(np.float64)
    if not len(finite_FD):
        return {**(whole or {}), "count": [0]}
    values = {
        "min": finite_FD.min(axis=0),
        "max": finite_FD.max(axis=0),
        "mean": finite_FD.mean(axis=0),
        "std": finite_FD.std(axis=0),
        **{name: np.quantile(finite_FD, share, axis=0) for name, share in QUANTILES.items()},
    }
    return {name: value.tolist() for name, value in values.items()} | {"count": [len(finite_FD)]}


def levels_of(pixels_HWC: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return how often every channel has every pixel value, (C, V)."""
    channels = pixels_HWC.reshape(-1, pixels_HWC.shape[-1]).T
    return np.stack([np.bincount(channel, minlength=LEVELS) for channel in channels])


def of_images(counts_CV: NDArray[np.int64], frames: int) -> Statistics:
    """Return statistics of all pixels, scaled to [0, 1], each of shape (C, 1, 1)."""
    levels_V = np.arange(LEVELS) / (LEVELS - 1)
    shares_CV = counts_CV / counts_CV.sum(axis=1, keepdims=True)
    mean_C = shares_CV @ levels_V
    below_CV = shares_CV.cumsum(axis=1)
    values: Mapping[str, NDArray[np.float64]] = {
        "min": levels_V[(counts_CV > 0).argmax(axis=1)],
        "max": levels_V[LEVELS - 1 - (counts_CV > 0)[:, ::-1].argmax(axis=1)],
        "mean": mean_C,
        "std": np.sqrt(np.maximum(shares_CV @ levels_V**2 - mean_C**2, 0)),
        **{name: levels_V[(below_CV >= share - 1e-12).argmax(axis=1)] for name, share in QUANTILES.items()},
    }
    return {name: value[:, None, None].tolist() for name, value in values.items()} | {"count": [frames]}
