"""Control steps in real time."""

from __future__ import annotations

import threading
import time

_MADE_UP_FOR = 10


class RealTimePace:
    """A `Pace` with a step every `period_s` seconds; of steps that are late, the last ten are made up for."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._due_s = time.monotonic()
        self._closed = threading.Event()

    def wait(self) -> bool:
        """Sleep until the next step is due; False if the pace is closed."""
        now_s = time.monotonic()
        self._due_s = max(self._due_s + self._period_s, now_s - _MADE_UP_FOR * self._period_s)
        return not self._closed.wait(max(0.0, self._due_s - now_s))

    def close(self) -> None:
        """End `wait`, now and from now on."""
        self._closed.set()
