"""The Protocol of the timing of control steps."""

from __future__ import annotations

from typing import Protocol


class ControlPace(Protocol):
    """Determines when the next control step is due."""

    def wait(self) -> bool:
        """Wait until the next step is due; return False if the pace is closed."""

    def close(self) -> None:
        """Let all current and later calls of `wait` return False; callable from any thread."""
