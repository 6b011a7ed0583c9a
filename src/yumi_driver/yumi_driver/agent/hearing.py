"""Whether the fleet is there, and answers what is happening now: told by its beats. On this side's clock alone."""

from __future__ import annotations

import threading
import time

from yumi_driver.limits import Limits
from yumi_driver.sent import Sent


class Hearing:
    """Hears beats, and numbers the states that they answer."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._sent = Sent()
        self._beat = 0
        self._heard_s = time.monotonic()
        self._answered_s = -float("inf")

    @property
    def beat(self) -> int:
        """Number of the newest beat."""
        with self._lock:
            return self._beat

    def next_state(self) -> int:
        """Number of a state that is sent now."""
        with self._lock:
            return self._sent.next()

    def hear(self, beat: int, echo: int) -> None:
        """A beat has come, which answers a state."""
        with self._lock:
            self._beat = max(beat, self._beat)
            self._heard_s = time.monotonic()
            self._answered_s = max(self._answered_s, self._sent_s(echo))

    def objection(self, echo: int) -> str:
        """Why an order that answers a state is not followed: it is too old; empty if it is not."""
        with self._lock:
            age_s = time.monotonic() - self._sent_s(echo)
        return f"the order is {age_s:.2f} s old" if age_s > self._limits.late_s.value else ""

    @property
    def silent_s(self) -> float:
        """Since anything was heard."""
        with self._lock:
            return time.monotonic() - self._heard_s

    @property
    def doubt(self) -> str:
        """Why the arms must hold; empty if they need not."""
        if self.silent_s > self._limits.silence_s.value:
            return "the fleet is silent"
        with self._lock:
            age_s = time.monotonic() - self._answered_s
        return "the fleet answers too late" if age_s > self._limits.late_s.value + self._limits.silence_s.value else ""

    def _sent_s(self, state: int) -> float:
        sent_s = self._sent.at_s(state)
        return -float("inf") if sent_s is None else sent_s
