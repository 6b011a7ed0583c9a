"""Statistics of features, as LeRobotDataset v3.0 keeps them of every episode and of the whole.

F frames, D dimensions, C channels, V values of a pixel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
LEVELS = 256
Statistics = dict[str, list[Any]]
"""min, max, mean, std, the quantiles, and count; a list over dimensions each."""


def of_numbers(values_FD: NDArray[Any], whole: Statistics | None = None) -> Statistics:
    """Statistics over frames; those where it was not told count nothing.

    Args:
        values_FD: numbers and truth values, (F, D).
        whole: of all episodes; what an episode that tells nothing is given, with a count of 0, so that it changes
            nothing in a weighted mean and has no value that is not a number.
    """
    told_FD = values_FD[np.isfinite(values_FD).all(axis=1)].astype(np.float64)
    if not len(told_FD):
        return {**(whole or {}), "count": [0]}
    found = {
        "min": told_FD.min(axis=0),
        "max": told_FD.max(axis=0),
        "mean": told_FD.mean(axis=0),
        "std": told_FD.std(axis=0),
        **{name: np.quantile(told_FD, share, axis=0) for name, share in QUANTILES.items()},
    }
    return {name: value.tolist() for name, value in found.items()} | {"count": [len(told_FD)]}


def levels_of(pixels_HWC: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How often every channel has every value, (C, V)."""
    channels = pixels_HWC.reshape(-1, pixels_HWC.shape[-1]).T
    return np.stack([np.bincount(channel, minlength=LEVELS) for channel in channels])


def of_images(counts_CV: NDArray[np.int64], frames: int) -> Statistics:
    """Statistics of all pixels, each channel in [0, 1] and of shape (C, 1, 1)."""
    levels_V = np.arange(LEVELS) / (LEVELS - 1)
    shares_CV = counts_CV / counts_CV.sum(axis=1, keepdims=True)
    mean_C = shares_CV @ levels_V
    below_CV = shares_CV.cumsum(axis=1)
    found: Mapping[str, NDArray[np.float64]] = {
        "min": levels_V[(counts_CV > 0).argmax(axis=1)],
        "max": levels_V[LEVELS - 1 - (counts_CV > 0)[:, ::-1].argmax(axis=1)],
        "mean": mean_C,
        "std": np.sqrt(np.maximum(shares_CV @ levels_V**2 - mean_C**2, 0)),
        **{name: levels_V[(below_CV >= share - 1e-12).argmax(axis=1)] for name, share in QUANTILES.items()},
    }
    return {name: value[:, None, None].tolist() for name, value in found.items()} | {"count": [frames]}
