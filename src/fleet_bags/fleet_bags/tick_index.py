"""Indexes the messages of one topic by tick."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Row = TypeVar("Row")


class TickIndex(Generic[Row]):
    """Holds one row per tick; a restarted recorder receives the latest messages again, and these count once."""

    def __init__(self, *, keep_last: bool = False, contradict: Callable[[Row, Row], bool] = lambda *_: False) -> None:
        """Start with no rows.

        Args:
            keep_last: keep the last row of a tick instead of the first.
            contradict: whether two rows of one tick cannot be from the same run.
        """
        self._keep_last = keep_last
        self._contradict = contradict
        self._newest = -1
        self.rows: dict[int, Row] = {}
        """Rows by tick."""

    def add(self, tick: int, row: Row) -> None:
        """Add a row.

        Raises:
            ValueError: a new tick is older than one before it, or a repeated tick is from another run.
        """
        known = self.rows.get(tick)
        if known is None:
            if tick < self._newest:
                raise ValueError(f"expected ticks in ascending order, got tick {tick} after tick {self._newest}")
            self._newest = tick
        elif self._contradict(known, row):
            raise ValueError(f"expected one run of one fleet in a bag, got tick {tick} twice")
        if known is None or self._keep_last:
            self.rows[tick] = row
