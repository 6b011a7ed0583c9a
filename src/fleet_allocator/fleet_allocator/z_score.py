"""Z-scores over everything seen so far.

N values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST_SPREAD = 1e-9
"""Standard deviations below this share of the mean are rounding."""


class RunningZScore:
    """Mean and standard deviation of a stream, by the parallel update of Chan, Golub and LeVeque (1979)."""

    def __init__(self) -> None:
        self._count = 0
        self._mean = 0.0
        self._squares = 0.0

    def add(self, values_N: NDArray[np.float64]) -> NDArray[np.float64]:
        """Z-scores of the values among all values so far, these included; 0 as long as all are equal.

        What is not finite is passed over, and its z-score is not finite either.
        """
        finite = values_N[np.isfinite(values_N)]
        if len(finite):
            count, step = self._count + len(finite), float(finite.mean()) - self._mean
            self._squares += float(finite.var()) * len(finite) + step**2 * self._count * len(finite) / count
            self._mean += step * len(finite) / count
            self._count = count
        spread = float(np.sqrt(self._squares / max(self._count, 1)))
        return (values_N - self._mean) / (spread if spread > LEAST_SPREAD * abs(self._mean) else np.inf)
