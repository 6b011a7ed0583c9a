"""Joins samples without a tick, such as camera images, to the tick of the observation with the same stamp."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Generic, TypeVar

Sample = TypeVar("Sample")
MOST_SAMPLES = 32
"""Number of unmatched samples that are stored; they may be large."""
MOST_TICKS = 1000
"""Number of unmatched ticks that are stored, more than arrive at a busy node at once."""


class StampJoin(Generic[Sample]):
    """Joins ticks and samples of one robot by their stamps, in any order of arrival."""

    def __init__(self, *, stores_all: bool = False) -> None:
        """Store all unmatched ticks and samples, or at most MOST_TICKS and MOST_SAMPLES of them, and drop the oldest."""
        self._stores_all = stores_all
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
        if not self._stores_all:
            _drop_oldest(self._ticks, MOST_TICKS)
            _drop_oldest(self._samples, MOST_SAMPLES)
        return None


def _drop_oldest(waiting: dict[Hashable, Any], most: int) -> None:
    while len(waiting) > most:
        waiting.pop(next(iter(waiting)))
