"""Thresholds of the uncertainty: calibrated once, or taken from the last ticks.

N robots, T ticks.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray


def calibrated_threshold(uncertainties_TN: NDArray[np.float64], percentile: float = 99.0) -> float:
    """The percentile of the uncertainties of a run without teleoperation, nats (IIFL section 7.3.1).

    Args:
        uncertainties_TN: nats; not a number where a robot does not count.
        percentile: 0 to 100.

    Raises:
        ValueError: no uncertainty is a number.
    """
    if np.isnan(uncertainties_TN).all():
        raise ValueError("found no uncertainty, needed is at least one")
    return float(np.nanpercentile(uncertainties_TN, percentile))


class OnlineThreshold:
    """The percentile of the uncertainties of the last ticks, the present one included; infinite before there are so many."""

    def __init__(self, ticks: int, percentile: float) -> None:
        self._ticks = ticks
        self._percentile = percentile
        self._window: deque[NDArray[np.float64]] = deque()
        self._sorted = np.empty(0)

    def add(self, uncertainties_N: NDArray[np.float64]) -> float:
        """The threshold of the next tick, nats. Uncertainties that are not finite do not count."""
        newest = np.sort(uncertainties_N[np.isfinite(uncertainties_N)])
        self._window.append(newest)
        if len(self._window) > self._ticks:
            oldest = self._window.popleft()
            rank_among_equals = np.arange(len(oldest)) - np.searchsorted(oldest, oldest)
            self._sorted = np.delete(self._sorted, np.searchsorted(self._sorted, oldest) + rank_among_equals)
        self._sorted = np.insert(self._sorted, np.searchsorted(self._sorted, newest), newest)
        if len(self._window) < self._ticks or not len(self._sorted):
            return np.inf
        return float(np.percentile(self._sorted, self._percentile))
