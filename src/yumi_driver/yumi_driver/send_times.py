"""Send times of numbered messages, so that the age of an answer is measured with one clock."""

from __future__ import annotations

import time
from collections import OrderedDict

STORED_NUMBERS = 200
"""Number of messages whose send times are stored."""


class SendTimes:
    """Numbers sent messages, from 1, and stores the send times of the newest."""

    def __init__(self) -> None:
        self.number = 0
        """Number of the newest message."""
        self._at_s: OrderedDict[int, float] = OrderedDict()

    def next(self) -> int:
        """Return the number of a message that is sent now."""
        self.number += 1
        self._at_s[self.number] = time.monotonic()
        while len(self._at_s) > STORED_NUMBERS:
            self._at_s.popitem(last=False)
        return self.number

    def at_s(self, number: int) -> float | None:
        """Return the send time of a message, s; None if it was never sent or is no longer stored."""
        return self._at_s.get(number)
