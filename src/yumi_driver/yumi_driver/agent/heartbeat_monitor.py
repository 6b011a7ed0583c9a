"""Monitors the fleet's heartbeats: whether they arrive, and whether they answer recent states. It uses only local clocks."""

from __future__ import annotations

import threading
import time

from yumi_driver.limits import Limits
from yumi_driver.send_times import SendTimes


class HeartbeatMonitor:
    """Receives heartbeats, and numbers the states that they answer."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._send_times = SendTimes()
        self._newest = 0
        self._received_s = time.monotonic()
        self._answered_s = -float("inf")

    @property
    def newest(self) -> int:
        """Number of the newest heartbeat."""
        with self._lock:
            return self._newest

    def next_state(self) -> int:
        """Return the number of a state that is sent now."""
        with self._lock:
            return self._send_times.next()

    def receive(self, number: int, echo: int) -> None:
        """Handle a heartbeat that answers the state `echo`."""
        with self._lock:
            self._newest = max(number, self._newest)
            self._received_s = time.monotonic()
            self._answered_s = max(self._answered_s, self._sent_s(echo))

    def rejection(self, echo: int) -> str:
        """Return why a command that answers the state `echo` is rejected as too old; empty if it is accepted."""
        with self._lock:
            age_s = time.monotonic() - self._sent_s(echo)
        return f"the command is {age_s:.2f} s old" if age_s > self._limits.late_s.value else ""

    @property
    def silent_s(self) -> float:
        """Seconds since the last heartbeat."""
        with self._lock:
            return time.monotonic() - self._received_s

    @property
    def fault(self) -> str:
        """Why the arms must hold; empty if they may move."""
        if self.silent_s > self._limits.silence_s.value:
            return "the fleet is silent"
        with self._lock:
            age_s = time.monotonic() - self._answered_s
        return "the fleet answers too late" if age_s > self._limits.late_s.value + self._limits.silence_s.value else ""

    def _sent_s(self, state: int) -> float:
        sent_s = self._send_times.at_s(state)
        return -float("inf") if sent_s is None else sent_s
