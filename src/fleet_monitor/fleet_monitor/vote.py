"""The vote over a robot's last frames, which turns scores of single frames into a signal.

R robots of the fleet, n robots that are observed at a tick, T frames of an episode, K frames of a window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

LONGEST_WINDOW = 64
"""Largest window, frames."""


@dataclass(frozen=True)
class Vote:
    """How many of a robot's last frames must have a score above a threshold, to be an alarm.

    At least `needed` of the last `window` scores are above a threshold exactly if the `needed`-th largest of them is. The vote
    therefore returns that score, whatever the threshold.
    """

    needed: int
    """Number of frames, from 1."""
    window: int
    """Number of last frames, `needed` to 64."""

    def __post_init__(self) -> None:
        """Refuse a vote that always or never raises an alarm.

        Raises:
            ValueError: the numbers are out of range.
        """
        if not 1 <= self.needed <= self.window <= LONGEST_WINDOW:
            raise ValueError(
                f"vote: expected 1 <= needed <= window <= {LONGEST_WINDOW}, got {self.needed} of {self.window}"
            )

    def over_windows(self, scores_nK: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the `needed`-th largest score (n,) of windows; a frame without a score (NaN) is below every threshold.

        NaN if fewer than `needed` frames have one.
        """
        lowest_nK = np.where(np.isnan(scores_nK), -np.inf, scores_nK)
        voted_n = np.partition(lowest_nK, self.window - self.needed, axis=1)[:, self.window - self.needed]
        return np.where(np.isneginf(voted_n), np.nan, voted_n)

    def over_episode(self, scores_T: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the vote (T,) at every frame of an episode, from its scores; NaN where there is none."""
        before = np.full(self.window - 1, np.nan)
        return self.over_windows(sliding_window_view(np.concatenate([before, scores_T]), self.window))


TWO_OF_THREE = Vote(2, 3)
"""The vote on failures in the published code of FIREWORK; the paper has none."""
AT_ONCE = Vote(1, 1)
"""The vote on novelty in the published code of FIREWORK."""


class RecentScores:
    """The last scores of every robot. Frames of an earlier episode do not count."""

    def __init__(self, robots: int, vote: Vote) -> None:
        """Begin without any frames.

        Args:
            robots: number of robots in the fleet, R.
            vote: the vote on their scores.
        """
        self._vote = vote
        self.scores_RK = np.full((robots, vote.window), np.nan)
        """Scores of each robot's last K frames, the newest last; NaN where there is none."""

    def update(
        self, robots: NDArray[np.int64], scores_n: NDArray[np.float64], began_n: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Add one frame of some robots, and return their votes (n,); NaN where there is none.

        Args:
            robots: different indices of the robots, (n,).
            scores_n: scores of the frame; NaN where there is none.
            began_n: whether the frame is the first of an episode.
        """
        before_nK = np.where(began_n[:, None], np.nan, self.scores_RK[robots])
        self.scores_RK[robots] = now_nK = np.column_stack([before_nK[:, 1:], scores_n])
        return self._vote.over_windows(now_nK)
