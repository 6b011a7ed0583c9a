"""The alarms that humans have dismissed as false.

N robots.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


class Dismissals:
    """Holds the dismissed alarms until they are over: until the value is no longer above its threshold, or NaN."""

    def __init__(self) -> None:
        self._alarms: set[tuple[int, str]] = set()

    def add(self, robot: int, signal: str) -> None:
        """Add the alarm of a robot by a signal, which a human has dismissed."""
        self._alarms.add((robot, signal))

    def hide(
        self, signals: Mapping[str, NDArray[np.float64]], thresholds: Mapping[str, float]
    ) -> dict[str, NDArray[np.float64]]:
        """Return the signals of a tick with NaN in place of the values whose alarms are dismissed.

        Args:
            signals: by name, the values (N,).
            thresholds: by name, the threshold of every signal with a dismissed alarm.
        """
        self._alarms = {(robot, name) for robot, name in self._alarms if signals[name][robot] > thresholds[name]}
        shown = dict(signals)
        for name in {name for _, name in self._alarms}:
            shown[name] = signals[name].copy()
            shown[name][[robot for robot, dismissed in self._alarms if dismissed == name]] = np.nan
        return shown
