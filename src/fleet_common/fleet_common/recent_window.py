"""What there was in the last minute: the window of all statistics that operators are told."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

Value = TypeVar("Value")
WINDOW_S = 60.0


class RecentWindow(Generic[Value]):
    """Values of the last `WINDOW_S`. Times never go back."""

    def __init__(self) -> None:
        self._values: deque[tuple[float, Value]] = deque()

    def add(self, value: Value, now_s: float) -> None:
        """There is another one."""
        self._values.append((now_s, value))
        self._forget(now_s)

    def values(self, now_s: float) -> list[Value]:
        """Oldest first."""
        self._forget(now_s)
        return [value for _, value in self._values]

    def _forget(self, now_s: float) -> None:
        while self._values and now_s - self._values[0][0] > WINDOW_S:
            self._values.popleft()
