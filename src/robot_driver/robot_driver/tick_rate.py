"""Measures the rate of the ticks and reports it as a health check."""

from __future__ import annotations

from fleet_common.health import Check, Level
from fleet_common.recent_window import RecentWindow

SLOW = 0.9
"""Share of the contract's rate below which ticks in real time are reported as too slow."""
START_S = 60.0
"""Time, s, after which a fleet that still waits for its first tick is reported."""


class TickRate:
    """Counts the ticks and measures their rate over the last minute."""

    def __init__(self, rate_hz: float, *, real_time: bool, now_s: float) -> None:
        """`rate_hz` is the contract's rate, which is expected in real time only; ticks in lockstep take as long as they need."""
        self._expected_hz = rate_hz
        self._real_time = real_time
        self._start_s = now_s
        self._ticks = 0
        self._times = RecentWindow[float]()

    def add_tick(self, now_s: float) -> None:
        """Count a tick that ended now."""
        self._ticks += 1
        self._times.add(now_s, now_s)

    def rate_hz(self, now_s: float) -> float | None:
        """Return the ticks per second; None before the second tick."""
        times_s = self._times.values(now_s)
        return (len(times_s) - 1) / (times_s[-1] - times_s[0]) if len(times_s) > 1 else None

    def check(self, now_s: float, *, waits_for: str = "", resting: bool = False) -> Check:
        """Return the health check that operators see.

        Args:
            now_s: time of a steady clock, s.
            waits_for: what the first tick still waits for; empty after it has begun.
            resting: whether the run's last tick is over.
        """
        rate_hz = self.rate_hz(now_s)
        slow = self._real_time and rate_hz is not None and rate_hz < SLOW * self._expected_hz
        message, level = f"{self._ticks} ticks", Level.OK
        if waits_for:
            late = now_s - self._start_s > START_S
            message, level = f"the first tick waits for {waits_for}", Level.WARN if late else Level.OK
        elif resting:
            message = f"the robots rest after {self._ticks} ticks"
        elif slow:
            message, level = f"ticks are too slow: {rate_hz:.3g} per second", Level.WARN
        rate = {} if rate_hz is None else {"tick rate (Hz)": rate_hz}
        return Check(
            "ticks", level, message, {"ticks": self._ticks, **rate, "rate of the contract (Hz)": self._expected_hz}
        )
