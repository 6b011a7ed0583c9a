"""Progress of robots towards their goals, and which of them are stuck. N robots, I some of them, D distances of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STUCK_TICKS = 40
"""Moves without progress after which a robot is stuck."""
PROGRESS_M = 0.01
"""By this much a distance must be shorter than ever before in the episode, to be progress."""


class Progress:
    """The shortest that the distances of each robot have been, and how long ago."""

    def __init__(self, robots: int, distances: int = 1) -> None:
        self._nearest_ND = np.zeros((robots, distances))
        self._without_N = np.zeros(robots, dtype=np.int64)

    def start(self, robots_I: NDArray[np.int64], remaining_ID: NDArray[np.float64]) -> None:
        """Start episodes of robots with these distances, m."""
        self._nearest_ND[robots_I] = remaining_ID
        self._without_N[robots_I] = 0

    def move(self, robots_I: NDArray[np.int64], remaining_ID: NDArray[np.float64]) -> None:
        """Count one move of robots, after which these distances remain, m. If one of them is progress, the move is."""
        nearest_ID = self._nearest_ND[robots_I]
        nearer_ID = remaining_ID <= nearest_ID - PROGRESS_M
        self._nearest_ND[robots_I] = np.where(nearer_ID, remaining_ID, nearest_ID)
        self._without_N[robots_I] = np.where(nearer_ID.any(axis=1), 0, self._without_N[robots_I] + 1)

    def stuck(self) -> NDArray[np.bool_]:
        """Return which robots have made no progress for `STUCK_TICKS` moves, (N,)."""
        return self._without_N >= STUCK_TICKS
