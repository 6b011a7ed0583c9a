"""How fast the ticks of a driver's robots follow each other."""

from __future__ import annotations

from fleet_common.health import Check, Level
from fleet_common.recent_window import RecentWindow

SLOW = 0.9
"""Of the contract's rate: real time that passes so slowly is told of."""
START_S = 60.0
"""A fleet that has not begun by then is told of."""


class TickRate:
    """Counts the ticks of the last minute."""

    def __init__(self, rate_hz: float, *, real_time: bool, now_s: float) -> None:
        """`rate_hz` is the contract's; in lockstep ticks take as long as they take."""
        self._wanted_hz = rate_hz
        self._real_time = real_time
        self._began_s = now_s
        self._ticks = 0
        self._times = RecentWindow[float]()

    def ticked(self, now_s: float) -> None:
        """The robots have made another tick."""
        self._ticks += 1
        self._times.add(now_s, now_s)

    def rate_hz(self, now_s: float) -> float | None:
        """Ticks per second; None where there were less than two."""
        times_s = self._times.values(now_s)
        return (len(times_s) - 1) / (times_s[-1] - times_s[0]) if len(times_s) > 1 else None

    def check(self, now_s: float, *, waits_for: str = "", resting: bool = False) -> Check:
        """As operators are told.

        Args:
            now_s: seconds that never go back.
            waits_for: what the first tick waits for; empty once it has begun.
            resting: the run's last tick is over.
        """
        rate_hz = self.rate_hz(now_s)
        slow = self._real_time and rate_hz is not None and rate_hz < SLOW * self._wanted_hz
        message, level = f"{self._ticks} ticks", Level.OK
        if waits_for:
            late = now_s - self._began_s > START_S
            message, level = f"the first tick waits for {waits_for}", Level.WARN if late else Level.OK
        elif resting:
            message = f"the robots rest after {self._ticks} ticks"
        elif slow:
            message, level = f"time passes too slowly: {rate_hz:.3g} ticks per second", Level.WARN
        rate = {} if rate_hz is None else {"tick rate (Hz)": rate_hz}
        return Check(
            "ticks", level, message, {"ticks": self._ticks, **rate, "rate of the contract (Hz)": self._wanted_hz}
        )
