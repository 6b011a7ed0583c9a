"""Keeps the latest samples of one of a robot's own topics and aligns them with the ticks."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fleet_contract.alignment import aligned
from fleet_contract.native import NativeStream

Sample = TypeVar("Sample")
BUFFER = 10
"""Samples per topic among which the sample of a tick is searched."""


@dataclass(frozen=True)
class TimePoint:
    """One instant on the steady clock and on the wall clock."""

    steady_s: float
    wall_s: float

    def after(self, seconds: float) -> TimePoint:
        """Return the instant that is so many seconds later."""
        return TimePoint(self.steady_s + seconds, self.wall_s + seconds)


def now() -> TimePoint:
    """Return the present instant; stamps in message headers are of the wall clock."""
    return TimePoint(time.monotonic(), time.time())


class TopicSeries(Generic[Sample]):
    """The latest samples of a topic on the timeline that its alignment names: stamps of headers, or times of receipt."""

    def __init__(self, name: str, stream: NativeStream, read: Callable[[Any], Sample]) -> None:
        """`read` converts a message into a sample, and raises ValueError if it cannot."""
        self._name = name
        self._align = stream.align
        self._read = read
        self._samples: deque[tuple[float, Sample]] = deque(maxlen=BUFFER)
        self._read_error = ""

    @property
    def holds(self) -> bool:
        """Whether a sample stays valid until the next one."""
        return self._align.rule == "hold"

    def add(self, message: Any, instant: TimePoint) -> Sample | None:
        """Store a message that was received at this instant.

        Returns:
            Its sample; None if it cannot be read, for example because it is about other joints.
        """
        try:
            sample = self._read(message)
        except ValueError as error:
            self._read_error = f" ({error})"
            return None
        stamp_s = instant.steady_s
        if self._align.timeline == "header":
            stamp_s = message.header.stamp.sec + message.header.stamp.nanosec * 1e-9
        self._samples.append((stamp_s, sample))
        return sample

    def sample(self, instant: TimePoint, not_before: TimePoint) -> Sample | None:
        """Return the sample of a tick at this instant; None if there is none, or only one that is older than `not_before`.

        Samples that stay valid until the next one may be older.
        """
        stamps_s = [stamp_s for stamp_s, _ in self._samples]
        index = aligned(stamps_s, self._time_s(instant), self._align)
        if index is None or (not self.holds and stamps_s[index] < self._time_s(not_before)):
            return None
        return self._samples[index][1]

    def missing(self, instant: TimePoint) -> str:
        """Return why there is no sample for a tick at this instant; empty if there is one."""
        if aligned([stamp_s for stamp_s, _ in self._samples], self._time_s(instant), self._align) is not None:
            return ""
        if self.holds:
            return f"no {self._name} yet{self._read_error}"
        on_time = " by the stamps of its clock" if self._align.timeline == "header" and self._samples else ""
        return f"no {self._name} for {self._align.tolerance_s:g} s{on_time}{self._read_error}"

    def _time_s(self, instant: TimePoint) -> float:
        return instant.wall_s if self._align.timeline == "header" else instant.steady_s
