"""What one topic said, by tick."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Row = TypeVar("Row")


class TickIndex(Generic[Row]):
    """Rows by tick. A recorder that was started again has heard the last ones again, and they count once."""

    def __init__(self, *, last_word: bool = False, contradict: Callable[[Row, Row], bool] = lambda *_: False) -> None:
        """Listen to a topic.

        Args:
            last_word: of several rows of one tick the last one counts, not the first one.
            contradict: whether two rows of one tick cannot be from the same run.
        """
        self._last_word = last_word
        self._contradict = contradict
        self._newest = -1
        self.rows: dict[int, Row] = {}
        """By tick."""

    def add(self, tick: int, row: Row) -> None:
        """The topic said this.

        Raises:
            ValueError: a tick comes for the first time after a later one, or again and from another run.
        """
        known = self.rows.get(tick)
        if known is None:
            if tick < self._newest:
                raise ValueError(f"found tick {tick} after tick {self._newest}, allowed are ticks in their order")
            self._newest = tick
        elif self._contradict(known, row):
            raise ValueError(f"found tick {tick} twice, allowed is one run of one fleet in a bag")
        if known is None or self._last_word:
            self.rows[tick] = row
