"""The Protocol of what drives the controller's steps."""

from __future__ import annotations

from typing import Protocol


class ControlPace(Protocol):
    """Says when the next control step is due."""

    def wait(self) -> bool:
        """Wait until the next step is due; False if there is none, because the pace is closed."""

    def close(self) -> None:
        """End `wait`, now and from now on; from any thread."""
