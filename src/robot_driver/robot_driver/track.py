"""What one of a robot's own topics has said last."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fleet_contract.alignment import aligned
from fleet_contract.native import NativeStream

Read = TypeVar("Read")
KEPT = 10
"""Samples per topic that can still be the one of a tick."""


@dataclass(frozen=True)
class TimePoint:
    """One moment on both clocks."""

    steady_s: float
    wall_s: float

    def after(self, seconds: float) -> TimePoint:
        """The moment so much later."""
        return TimePoint(self.steady_s + seconds, self.wall_s + seconds)


def now() -> TimePoint:
    """This moment; the wall clock is the one of headers."""
    return TimePoint(time.monotonic(), time.time())


class Track(Generic[Read]):
    """The newest samples of a topic, placed on the timeline of its alignment."""

    def __init__(self, name: str, stream: NativeStream, read: Callable[[Any], Read]) -> None:
        """`read` makes of a message what is kept, and raises ValueError where it cannot."""
        self._name = name
        self._align = stream.align
        self._read = read
        self._samples: deque[tuple[float, Read]] = deque(maxlen=KEPT)
        self._refused = ""

    @property
    def holds(self) -> bool:
        """Whether what was said stays true until something else is said."""
        return self._align.rule == "hold"

    def hear(self, message: Any, instant: TimePoint) -> Read | None:
        """A message has come; None if it cannot be read, such as one that tells of other joints."""
        try:
            sample = self._read(message)
        except ValueError as error:
            self._refused = f" ({error})"
            return None
        stamp_s = instant.steady_s
        if self._align.timeline == "header":
            stamp_s = message.header.stamp.sec + message.header.stamp.nanosec * 1e-9
        self._samples.append((stamp_s, sample))
        return sample

    def sample(self, instant: TimePoint, rested: TimePoint) -> Read | None:
        """What belongs to a tick at this instant; None if nothing does that was sampled since the robot rested."""
        stamps_s = [stamp_s for stamp_s, _ in self._samples]
        index = aligned(stamps_s, self._place(instant), self._align)
        if index is None or (not self.holds and stamps_s[index] < self._place(rested)):
            return None
        return self._samples[index][1]

    def missing(self, instant: TimePoint) -> str:
        """Why the robot cannot be observed now; empty if it can."""
        if aligned([stamp_s for stamp_s, _ in self._samples], self._place(instant), self._align) is not None:
            return ""
        if self.holds:
            return f"no {self._name} yet{self._refused}"
        on_time = " by the stamps of its clock" if self._align.timeline == "header" and self._samples else ""
        return f"no {self._name} for {self._align.tolerance_s:g} s{on_time}{self._refused}"

    def _place(self, instant: TimePoint) -> float:
        return instant.wall_s if self._align.timeline == "header" else instant.steady_s
