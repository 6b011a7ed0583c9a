"""When numbered things were sent, so that an answer tells its age on this side's clock alone."""

from __future__ import annotations

import time
from collections import OrderedDict

REMEMBERED = 200
"""Numbers whose time of sending is kept."""


class Sent:
    """Numbers what is sent, from 1, and remembers when the newest were."""

    def __init__(self) -> None:
        self.number = 0
        """Of the newest."""
        self._at_s: OrderedDict[int, float] = OrderedDict()

    def next(self) -> int:
        """The number of what is sent now."""
        self.number += 1
        self._at_s[self.number] = time.monotonic()
        while len(self._at_s) > REMEMBERED:
            self._at_s.popitem(last=False)
        return self.number

    def at_s(self, number: int) -> float | None:
        """When that was sent; None if it never was, or too long ago."""
        return self._at_s.get(number)
