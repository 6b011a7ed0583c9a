"""What became of every robot since the run began.

N robots.
"""

from __future__ import annotations

import numpy as np

from robot_driver.step import Step


class RobotCounters:
    """Counts successes, hard resets (incidents, not ticks) and episodes."""

    def __init__(self, robots: int) -> None:
        self.successes_N = np.zeros(robots, dtype=np.int64)
        self.hard_resets_N = np.zeros(robots, dtype=np.int64)
        self.episodes_N = np.zeros(robots, dtype=np.int64)
        self._violated_N = np.zeros(robots, dtype=bool)

    def add(self, step: Step) -> None:
        """Count one step."""
        self.successes_N += step.succeeded_N
        self.hard_resets_N += step.violated_N & ~self._violated_N
        self.episodes_N += step.episode_over_N
        self._violated_N = step.violated_N.copy()
