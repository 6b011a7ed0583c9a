"""Whether the fleet is there, and answers what is happening now: told by its beats. On this side's clock alone."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from yumi_driver.limits import Limits

REMEMBERED = 200
"""States whose time of sending is kept."""


class Hearing:
    """Hears beats, and numbers the states that they answer."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._sent_s: OrderedDict[int, float] = OrderedDict()
        self._number = 0
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
            self._number += 1
            self._sent_s[self._number] = time.monotonic()
            while len(self._sent_s) > REMEMBERED:
                self._sent_s.popitem(last=False)
            return self._number

    def hear(self, beat: int, echo: int) -> None:
        """A beat has come, which answers a state."""
        with self._lock:
            self._beat = max(beat, self._beat)
            self._heard_s = time.monotonic()
            self._answered_s = max(self._answered_s, self._sent_s.get(echo, -float("inf")))

    def objection(self, echo: int) -> str:
        """Why an order that answers a state is not followed: it is too old; empty if it is not."""
        with self._lock:
            age_s = time.monotonic() - self._sent_s.get(echo, -float("inf"))
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
