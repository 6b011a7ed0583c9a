"""The controller's own clock, which advances with its control steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class ControllerClock:
    """Counts control steps of `period_s` seconds from its creation."""

    def __init__(self, period_s: float) -> None:
        self.period_s = period_s
        self._started = datetime.now(UTC)
        self._steps = 0

    def tick(self) -> None:
        """Advance the clock by one control step."""
        self._steps += 1

    @property
    def elapsed_s(self) -> float:
        """Time since the controller was started, s."""
        return self._steps * self.period_s

    @property
    def now(self) -> datetime:
        """Current date and time in UTC."""
        return self._started + timedelta(seconds=self.elapsed_s)
