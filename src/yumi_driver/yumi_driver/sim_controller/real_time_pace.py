"""Control steps in real time."""

from __future__ import annotations

import threading
import time

from typing_extensions import override

from yumi_driver.sim_controller.pace import ControlPace

_MAX_LATE_STEPS = 10
"""Number of late steps that are caught up."""


class RealTimePace(ControlPace):
    """A `ControlPace` with a step every `period_s` seconds; up to ten late steps are caught up."""

    def __init__(self, period_s: float) -> None:
        self.period_s = period_s
        """Time between two steps, s; may be changed at any time."""
        self._due_s = time.monotonic()
        self._closed = threading.Event()

    @override
    def wait(self) -> bool:
        now_s = time.monotonic()
        self._due_s = max(self._due_s + self.period_s, now_s - _MAX_LATE_STEPS * self.period_s)
        return not self._closed.wait(max(0.0, self._due_s - now_s))

    @override
    def close(self) -> None:
        self._closed.set()
