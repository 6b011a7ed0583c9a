"""Z-scores over all values so far.

N values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MIN_RELATIVE_DEVIATION = 1e-9
"""Standard deviations below this share of the mean are rounding errors."""


class RunningZScore:
    """Tracks the mean and standard deviation of a stream by the parallel update of Chan, Golub and LeVeque (1979)."""

    def __init__(self) -> None:
        self._count = 0
        self._mean = 0.0
        self._squares = 0.0

    def add(self, values_N: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add values and return their z-scores among all values so far, including these; 0 while all are equal.

        Values that are not finite are not added, and their z-scores are not finite.
        """
        finite = values_N[np.isfinite(values_N)]
        if len(finite):
            count, step = self._count + len(finite), float(finite.mean()) - self._mean
            self._squares += float(finite.var()) * len(finite) + step**2 * self._count * len(finite) / count
            self._mean += step * len(finite) / count
            self._count = count
        deviation = float(np.sqrt(self._squares / max(self._count, 1)))
        return (values_N - self._mean) / (deviation if deviation > MIN_RELATIVE_DEVIATION * abs(self._mean) else np.inf)
