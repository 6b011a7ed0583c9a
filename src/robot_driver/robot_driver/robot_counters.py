"""Counts the events of every robot since the run began. N robots."""

from __future__ import annotations

import numpy as np

from robot_driver.step import Step


class RobotCounters:
    """Counts successes, episodes, and hard resets: one for every violation, however many ticks it lasts."""

    def __init__(self, robots: int) -> None:
        self.successes_N = np.zeros(robots, dtype=np.int64)
        self.hard_resets_N = np.zeros(robots, dtype=np.int64)
        self.episodes_N = np.zeros(robots, dtype=np.int64)
        self._violated_N = np.zeros(robots, dtype=bool)

    def add(self, step: Step) -> None:
        """Count the events of one step."""
        self.successes_N += step.succeeded_N
        self.hard_resets_N += step.violated_N & ~self._violated_N
        self.episodes_N += step.episode_over_N
        self._violated_N = step.violated_N.copy()
