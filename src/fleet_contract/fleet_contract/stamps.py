"""Joins samples without a tick, such as camera images, to the tick of the observation with the same stamp."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Sample = TypeVar("Sample")
MOST_WAITING = 32
"""Number of unmatched ticks and of unmatched samples that are stored."""


class StampJoin(Generic[Sample]):
    """Joins ticks and samples of one robot by their stamps, in any order of arrival."""

    def __init__(self, most_waiting: int | None = MOST_WAITING) -> None:
        """Store at most `most_waiting` unmatched ticks and as many unmatched samples, and drop the oldest; None: store all."""
        self._most_waiting = most_waiting
        self._ticks: dict[Hashable, int] = {}
        self._samples: dict[Hashable, Sample] = {}

    def add_tick(self, stamp: Hashable, tick: int) -> tuple[int, Sample] | None:
        """Add a tick; return it with the sample of the same stamp, if that has arrived."""
        self._ticks[stamp] = tick
        return self._joined(stamp)

    def add_sample(self, stamp: Hashable, sample: Sample) -> tuple[int, Sample] | None:
        """Add a sample; return it with the tick of the same stamp, if that has arrived."""
        self._samples[stamp] = sample
        return self._joined(stamp)

    def _joined(self, stamp: Hashable) -> tuple[int, Sample] | None:
        if stamp in self._ticks and stamp in self._samples:
            return self._ticks.pop(stamp), self._samples.pop(stamp)
        for waiting in (self._ticks, self._samples):
            while self._most_waiting is not None and len(waiting) > self._most_waiting:
                waiting.pop(next(iter(waiting)))
        return None
