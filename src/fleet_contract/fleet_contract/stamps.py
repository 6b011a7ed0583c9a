"""Which tick a sample belongs to that carries no tick itself, such as a camera image: that of the observation of its stamp."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Sample = TypeVar("Sample")
MOST_WAITING = 32


class StampJoin(Generic[Sample]):
    """Joins the ticks and the samples of one robot, in whatever order they come."""

    def __init__(self, most_waiting: int | None = MOST_WAITING) -> None:
        """`most_waiting` ticks and samples wait for each other, of more the first ones are given up; None: all wait."""
        self._most_waiting = most_waiting
        self._ticks: dict[Hashable, int] = {}
        self._samples: dict[Hashable, Sample] = {}

    def add_tick(self, stamp: Hashable, tick: int) -> tuple[int, Sample] | None:
        """A tick has this stamp; with its sample, if that has come."""
        self._ticks[stamp] = tick
        return self._joined(stamp)

    def add_sample(self, stamp: Hashable, sample: Sample) -> tuple[int, Sample] | None:
        """A sample has this stamp; with its tick, if that has come."""
        self._samples[stamp] = sample
        return self._joined(stamp)

    def _joined(self, stamp: Hashable) -> tuple[int, Sample] | None:
        if stamp in self._ticks and stamp in self._samples:
            return self._ticks.pop(stamp), self._samples.pop(stamp)
        for waiting in (self._ticks, self._samples):
            while self._most_waiting is not None and len(waiting) > self._most_waiting:
                waiting.pop(next(iter(waiting)))
        return None
