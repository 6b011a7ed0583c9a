"""Control steps when the caller wants them, so that a test does not depend on how fast its machine is."""

from __future__ import annotations

import threading


class LockstepPace:
    """A `Pace` that waits for `advance`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._wanted = 0
        self._resting = False
        self._closed = False

    def wait(self) -> bool:
        """Wait until a step is wanted; False if the pace is closed."""
        with self._changed:
            self._resting = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._wanted > 0 or self._closed)
            self._resting = False
            self._wanted -= 1
            return not self._closed

    def advance(self, steps: int = 1) -> None:
        """Let the controller make steps, and wait until it has made them.

        Raises:
            RuntimeError: the pace is closed, or is closed before they are made.
        """
        with self._changed:
            self._wanted += steps
            self._changed.notify_all()
            self._changed.wait_for(lambda: (self._wanted == 0 and self._resting) or self._closed)
            if self._closed:
                raise RuntimeError("the controller makes no more steps")

    def close(self) -> None:
        """End `wait` and `advance`, now and from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
