"""Thresholds of the uncertainty: calibrated once, or computed from the last ticks.

N robots, T ticks.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray


def calibrated_threshold(uncertainties_TN: NDArray[np.float64], percentile: float = 99.0) -> float:
    """Return the percentile of the uncertainties of a run without teleoperation, nats (IIFL section 7.3.1).

    Args:
        uncertainties_TN: Uncertainties, nats; NaN is ignored.
        percentile: Percentile, 0 to 100.

    Raises:
        ValueError: all uncertainties are NaN.
    """
    if np.isnan(uncertainties_TN).all():
        raise ValueError("expected at least one uncertainty, got none")
    return float(np.nanpercentile(uncertainties_TN, percentile))


class OnlineThreshold:
    """The percentile of the uncertainties of the last ticks, including the present one; infinite until there are enough ticks."""

    def __init__(self, ticks: int, percentile: float) -> None:
        self._ticks = ticks
        self._percentile = percentile
        self._window: deque[NDArray[np.float64]] = deque()
        self._sorted = np.empty(0)

    def add(self, uncertainties_N: NDArray[np.float64]) -> float:
        """Add the uncertainties of a tick and return its threshold, nats. Uncertainties that are not finite are ignored."""
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
