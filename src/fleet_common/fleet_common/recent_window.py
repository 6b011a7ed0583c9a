"""Values of the last minute, which is the window of all statistics in diagnostics."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

Value = TypeVar("Value")
WINDOW_S = 60.0
"""Length of the window, s."""


class RecentWindow(Generic[Value]):
    """Stores the values of the last WINDOW_S. Times must not decrease."""

    def __init__(self) -> None:
        self._values: deque[tuple[float, Value]] = deque()

    def add(self, value: Value, now_s: float) -> None:
        """Add a value."""
        self._values.append((now_s, value))
        self._drop_old(now_s)

    def values(self, now_s: float) -> list[Value]:
        """Return the values of the window, oldest first."""
        self._drop_old(now_s)
        return [value for _, value in self._values]

    def _drop_old(self, now_s: float) -> None:
        while self._values and now_s - self._values[0][0] > WINDOW_S:
            self._values.popleft()
