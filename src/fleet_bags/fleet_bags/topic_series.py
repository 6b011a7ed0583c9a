"""Collects the samples of one topic from a whole bag and finds those that belong to a tick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from fleet_contract.alignment import Alignment, aligned

Sample = TypeVar("Sample")
NEIGHBOURS = 10
"""Number of samples on either side of a tick that are candidates for it."""


@dataclass(frozen=True)
class StampPair:
    """One instant on both timelines, ns."""

    receive_ns: int
    header_ns: int


@dataclass(frozen=True)
class TopicSeries(Generic[Sample]):
    """All samples of a topic, in the order in which they were recorded; all are added before the first lookup."""

    align: Alignment
    read: Callable[[Any], Sample]
    """Converts a message to a sample; raises ValueError for one that cannot be used."""
    stamps_ns: list[int] = field(default_factory=list)
    """Stamps on the timeline of the alignment."""
    instants: list[StampPair] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """Why messages could not be used, for example because they are about other joints."""

    def add(self, message: Any, receive_ns: int) -> None:
        """Add a message."""
        try:
            sample = self.read(message)
        except ValueError as error:
            self.errors.append(str(error))
            return
        header = getattr(message, "header", None)
        header_ns = header.stamp.sec * 10**9 + header.stamp.nanosec if header else receive_ns
        if header_ns == 0 and self.align.timeline == "header":
            self.errors.append("its stamp is 0: no clock has set it; use timeline: receive")
            return
        instant = StampPair(receive_ns, header_ns)
        self.stamps_ns.append(self.stamp_of(instant))
        self.instants.append(instant)
        self.samples.append(sample)

    @property
    def step_back_ns(self) -> int:
        """How far a stamp is behind that of a message that was recorded before it, at most, ns; 0 without messages."""
        stamps_ns = np.array(self.stamps_ns or [0], dtype=np.int64)
        return int((np.maximum.accumulate(stamps_ns) - stamps_ns).max())

    def stamp_of(self, instant: StampPair) -> int:
        """Return the stamp of an instant on the timeline of the alignment, ns."""
        return instant.header_ns if self.align.timeline == "header" else instant.receive_ns

    def at(self, instant: StampPair) -> Sample | None:
        """Return the sample that belongs to a tick at this instant, or None."""
        tick_ns = self.stamp_of(instant)
        middle = int(np.searchsorted(self._sorted_ns, tick_ns))
        near = sorted(self._order[max(0, middle - NEIGHBOURS) : middle + NEIGHBOURS].tolist())
        index = aligned([(self.stamps_ns[index] - tick_ns) / 1e9 for index in near], 0.0, self.align)
        return None if index is None else self.samples[near[index]]

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        """Indices of the samples by stamp; samples with equal stamps stay in the order of recording."""
        return np.argsort(np.array(self.stamps_ns, dtype=np.int64), kind="stable")

    @cached_property
    def _sorted_ns(self) -> NDArray[np.int64]:
        return np.array(self.stamps_ns, dtype=np.int64)[self._order]
