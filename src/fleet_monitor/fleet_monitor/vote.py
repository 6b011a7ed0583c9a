"""The vote over a robot's last frames, which turns alarms of single frames into a call for a human.

R robots of the fleet, n robots that are observed at a tick.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LONGEST_WINDOW = 64
"""Frames that the bits of one integer hold."""


@dataclass(frozen=True)
class VoteConfig:
    """How many of a robot's last frames must raise an alarm."""

    needed: int
    """Number of frames with an alarm, from 1."""
    window: int
    """Number of last frames, `needed` to 64."""

    def __post_init__(self) -> None:
        """Refuse a vote that always or never calls.

        Raises:
            ValueError: the numbers are out of range.
        """
        if not 1 <= self.needed <= self.window <= LONGEST_WINDOW:
            raise ValueError(
                f"vote: expected 1 <= needed <= window <= {LONGEST_WINDOW}, got {self.needed} of {self.window}"
            )


TWO_OF_THREE = VoteConfig(2, 3)
"""The vote on failures in the published code of FIREWORK; the paper has none."""
AT_ONCE = VoteConfig(1, 1)
"""The vote on novelty in the published code of FIREWORK."""


class Trigger:
    """Calls for a human when one of a monitor's signals has raised enough alarms.

    Every signal has a vote of its own. A frame without a value raises no alarm, and frames of an earlier episode do not count.
    """

    def __init__(self, robots: int, votes: Mapping[str, VoteConfig]) -> None:
        """Begin without any frames.

        Args:
            robots: number of robots in the fleet, R.
            votes: the vote on each signal by name.
        """
        self._votes = votes
        # One bit per frame, the last frame in the lowest.
        self._alarms_R = {name: np.zeros(robots, np.uint64) for name in votes}

    def update(
        self, robots: NDArray[np.int64], alarms: Mapping[str, NDArray[np.bool_]], began_n: NDArray[np.bool_]
    ) -> dict[str, NDArray[np.bool_]]:
        """Add one frame of some robots, and return which of them each signal calls a human for, (n,) by name.

        Args:
            robots: different indices of the robots, (n,).
            alarms: alarms (n,) of the frame by signal; a signal that is missing has raised none.
            began_n: whether the frame is the first of an episode.
        """
        calls = {}
        for name, vote in self._votes.items():
            before_n = np.where(began_n, np.uint64(0), self._alarms_R[name][robots])
            frame_n = alarms.get(name, np.zeros(len(robots), bool)).astype(np.uint64)
            within = np.uint64(2**vote.window - 1)
            self._alarms_R[name][robots] = now_n = (before_n << np.uint64(1) | frame_n) & within
            calls[name] = np.bitwise_count(now_n) >= vote.needed
        return calls
