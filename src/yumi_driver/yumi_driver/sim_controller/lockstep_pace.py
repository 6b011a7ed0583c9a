"""Control steps on request, so that tests do not depend on the speed of the machine."""

from __future__ import annotations

import threading

from typing_extensions import override

from yumi_driver.sim_controller.pace import ControlPace


class LockstepPace(ControlPace):
    """A `ControlPace` whose steps are requested by `advance`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._requested = 0
        self._idle = False
        self._closed = False

    @override
    def wait(self) -> bool:
        with self._changed:
            self._idle = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._requested > 0 or self._closed)
            self._idle = False
            self._requested -= 1
            return not self._closed

    def advance(self, steps: int = 1) -> None:
        """Let the controller run steps, and wait until they are done.

        Raises:
            RuntimeError: the pace is closed before the steps are done.
        """
        with self._changed:
            self._requested += steps
            self._changed.notify_all()
            self._changed.wait_for(lambda: (self._requested == 0 and self._idle) or self._closed)
            if self._closed:
                raise RuntimeError("the controller runs no more steps")

    @override
    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
