"""Which fingers of the tabletop are jammed. N robots, I some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

JAMMED_TICKS = 20
"""Moves after which a finger that does not get anywhere is jammed."""
COMMANDED_M, MOVED_SHARE = 0.004, 0.15
"""A finger is blocked at a tick in which it should have moved by the first, and moved by less than the second share of what it should."""


class Jam:
    """For how long each finger has been blocked."""

    def __init__(self, robots: int) -> None:
        self._blocked_N = np.zeros(robots, dtype=np.int64)

    def start(self, robots_I: NDArray[np.int64]) -> None:
        """Start episodes of robots."""
        self._blocked_N[robots_I] = 0

    def move(
        self, robots_I: NDArray[np.int64], commanded_I2: NDArray[np.float64], moved_I2: NDArray[np.float64]
    ) -> None:
        """Count one move of robots whose fingers should have moved by the first, and moved by the second, m."""
        asked_I, got_I = np.hypot(*commanded_I2.T), np.hypot(*moved_I2.T)
        blocked_I = (asked_I >= COMMANDED_M) & (got_I < MOVED_SHARE * asked_I)
        self._blocked_N[robots_I] = np.where(blocked_I, self._blocked_N[robots_I] + 1, 0)

    def jammed(self) -> NDArray[np.bool_]:
        """Return which fingers have been blocked for `JAMMED_TICKS` moves, (N,)."""
        return self._blocked_N >= JAMMED_TICKS
