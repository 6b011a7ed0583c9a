"""What one topic of a robot said in a whole bag, and which of it belongs to a tick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from fleet_contract.alignment import Alignment, aligned

Read = TypeVar("Read")
NEAR = 10
"""Samples on either side of a tick that can be its own."""


@dataclass(frozen=True)
class StampPair:
    """One moment on both clocks, ns."""

    receive_ns: int
    header_ns: int


@dataclass(frozen=True)
class TopicSeries(Generic[Read]):
    """Everything a topic said, heard in the order of recording before anything is asked."""

    align: Alignment
    read: Callable[[Any], Read]
    """Makes of a message what is kept, and raises ValueError where it cannot."""
    stamps_ns: list[int] = field(default_factory=list)
    """On the timeline of the alignment."""
    instants: list[StampPair] = field(default_factory=list)
    samples: list[Read] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """What was wrong with messages that could not be read, such as some that tell of other joints."""

    def hear(self, message: Any, receive_ns: int) -> None:
        """The topic said this."""
        try:
            sample = self.read(message)
        except ValueError as error:
            self.refused.append(str(error))
            return
        header = getattr(message, "header", None)
        instant = StampPair(receive_ns, header.stamp.sec * 10**9 + header.stamp.nanosec if header else receive_ns)
        self.stamps_ns.append(self.place(instant))
        self.instants.append(instant)
        self.samples.append(sample)

    def place(self, instant: StampPair) -> int:
        """A moment on the timeline of the alignment, ns."""
        return instant.header_ns if self.align.timeline == "header" else instant.receive_ns

    def at(self, instant: StampPair) -> Read | None:
        """What belongs to a tick at this moment; None if nothing does."""
        tick_ns = self.place(instant)
        middle = int(np.searchsorted(self._sorted_ns, tick_ns))
        near = sorted(self._order[max(0, middle - NEAR) : middle + NEAR].tolist())
        index = aligned([(self.stamps_ns[index] - tick_ns) / 1e9 for index in near], 0.0, self.align)
        return None if index is None else self.samples[near[index]]

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        """By stamp; of those with the same one in the order in which they came."""
        return np.argsort(np.array(self.stamps_ns, dtype=np.int64), kind="stable")

    @cached_property
    def _sorted_ns(self) -> NDArray[np.int64]:
        return np.array(self.stamps_ns, dtype=np.int64)[self._order]
