"""The controller's own time: it passes by control steps, whatever drives them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class ControllerClock:
    """Counts control steps of `period_s` seconds from the moment it is made."""

    def __init__(self, period_s: float) -> None:
        self.period_s = period_s
        self._started = datetime.now(UTC)
        self._steps = 0

    def tick(self) -> None:
        """One control step has passed."""
        self._steps += 1

    @property
    def elapsed_s(self) -> float:
        """Seconds since the controller was started."""
        return self._steps * self.period_s

    @property
    def now(self) -> datetime:
        """Date and time in UTC."""
        return self._started + timedelta(seconds=self.elapsed_s)
