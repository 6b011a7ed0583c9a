"""The thread that runs the controller's steps."""

from __future__ import annotations

import threading

from yumi_driver.sim_controller.controller import Controller
from yumi_driver.sim_controller.pace import ControlPace


class ControlLoop:
    """Steps the controller from its creation until it is closed."""

    def __init__(self, controller: Controller, pace: ControlPace) -> None:
        self._controller = controller
        self._pace = pace
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="control loop")
        self._thread.start()

    def close(self) -> None:
        """Stop the steps.

        Raises:
            BaseException: a tool's exception, which has stopped the steps earlier.
        """
        self._pace.close()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while self._pace.wait():
                self._controller.step()
        except BaseException as error:  # noqa: BLE001 - `close` raises it in the caller's thread
            self._error = error
            self._pace.close()
