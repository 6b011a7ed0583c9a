"""Progress of robots towards their goals, and which of them are stuck. N robots, I some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STUCK_TICKS = 40
"""Moves without progress after which a robot is stuck."""
PROGRESS_M = 0.01
"""By this much the object must come nearer to its goal than ever before in the episode, to be progress."""
JAMMED_TICKS = 20
"""Moves after which a finger that does not get anywhere is jammed."""
COMMANDED_M, MOVED_SHARE = 0.004, 0.15
"""A finger is blocked at a tick in which it should have moved by the first, and moved by less than the second share of what it should."""


class Progress:
    """The nearest that each object has been to its goal, and how long ago."""

    def __init__(self, robots: int) -> None:
        self._nearest_N = np.zeros(robots)
        self._without_N = np.zeros(robots, dtype=np.int64)
        self._blocked_N = np.zeros(robots, dtype=np.int64)

    def start(self, robot: int, remaining_m: float) -> None:
        """Start an episode of a robot whose object has to move this far."""
        self._nearest_N[robot] = remaining_m
        self._without_N[robot] = self._blocked_N[robot] = 0

    def move(
        self,
        robots_I: NDArray[np.int64],
        remaining_I: NDArray[np.float64],
        commanded_I2: NDArray[np.float64],
        moved_I2: NDArray[np.float64],
    ) -> None:
        """Count one move of robots.

        Args:
            robots_I: the robots that moved.
            remaining_I: how far their objects have to move now, m.
            commanded_I2: how far their fingers should have moved, m.
            moved_I2: how far their fingers moved, m.
        """
        nearer_I = remaining_I <= self._nearest_N[robots_I] - PROGRESS_M
        self._nearest_N[robots_I] = np.where(nearer_I, remaining_I, self._nearest_N[robots_I])
        self._without_N[robots_I] = np.where(nearer_I, 0, self._without_N[robots_I] + 1)
        asked_I, got_I = np.hypot(*commanded_I2.T), np.hypot(*moved_I2.T)
        blocked_I = (asked_I >= COMMANDED_M) & (got_I < MOVED_SHARE * asked_I)
        self._blocked_N[robots_I] = np.where(blocked_I, self._blocked_N[robots_I] + 1, 0)

    def stuck(self) -> NDArray[np.bool_]:
        """Return which robots have made no progress for `STUCK_TICKS` moves, (N,)."""
        return self._without_N >= STUCK_TICKS

    def jammed(self) -> NDArray[np.bool_]:
        """Return which fingers have been blocked for `JAMMED_TICKS` moves, (N,)."""
        return self._blocked_N >= JAMMED_TICKS
