"""The robot's controller over Robot Web Services: motors, program, and the limits that it keeps itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from abb_robot_client.rws import RWS, ABBException
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException

from yumi_driver.cell import ControllerAccess
from yumi_driver.limits import Limits

ANSWER_S = 3.0
"""The client has no time limit of its own."""
POLL_S = 0.1
STARTED = "started"


class ControllerFault(Exception):
    """The controller does not do what it is asked; the text says why."""


class Timed(HTTPAdapter):
    """Requests end after ANSWER_S at the latest."""

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        """Send with a time limit."""
        return super().send(request, *args, **(options | {"timeout": ANSWER_S}))


class RobotController:
    """Starts and stops the program that lets the agent guide the arms. May be used by several threads."""

    def __init__(self, access: ControllerAccess, tasks: Sequence[str], limits: Limits) -> None:
        self._rws = RWS(access.url, access.user, access.password)
        self._rws._session.mount("http://", Timed())  # noqa: SLF001 - the client offers no other way
        self._tasks = list(tasks)
        self._limits = limits
        self._one_at_a_time = threading.Lock()
        self._started = False
        self._left = False

    def ensure_running(self) -> None:
        """Motors on, limits handed over, program running.

        Raises:
            ControllerFault: a person must do something at the robot first, or the controller does not answer.
        """
        with self._one_at_a_time:
            try:
                self._ensure_running()
            except ControllerFault:
                raise
            except ABBException as error:
                raise ControllerFault(f"the controller refuses: {error}") from error
            except (RequestException, OSError) as error:
                raise ControllerFault(f"the controller does not answer: {type(error).__name__}") from error
            except Exception as error:
                # The client raises bare exceptions where the answer is none of Robot Web Services', such as a refused password.
                raise ControllerFault(f"the controller answers with something else: {error}") from error

    def stop(self) -> None:
        """Stop the program, if the controller can be reached, for good; the arms stand."""
        self._left = True
        # The arms hold already, and the controller stops them by itself when it hears nothing.
        with self._one_at_a_time, suppress(Exception):
            self._rws.stop()

    def close(self) -> None:
        """Leave the controller's session."""
        self._rws.close()

    def _ensure_running(self) -> None:
        if self._left:
            raise ControllerFault("the agent ends")
        mode = self._rws.get_operation_mode()
        if mode != "AUTO":
            raise ControllerFault(f"the controller is in mode {mode}: turn it to AUTO")
        state = self._rws.get_controller_state()
        if state in {"emergencystop", "guardstop", "emergencystopreset", "sysfail"}:
            raise ControllerFault(f"the controller is in {state}: clear it at the robot")
        tasks = self._rws.get_tasks()
        running = [name for name in self._tasks if name in tasks and tasks[name].excstate == STARTED]
        if self._started and len(running) == len(self._tasks):
            return
        if running:
            # Started by somebody else, with limits that are not ours, or one arm's alone.
            self._rws.stop()
        if state != "motoron":
            self._rws.set_controller_state("motoron")
        self._wait_for_motors()
        for task in self._tasks:
            for name, limit in (
                ("fleet_timeout_s", self._limits.controller_timeout_s),
                ("fleet_supervision", self._limits.motion_supervision_percent),
            ):
                self._rws.set_rapid_variable_num(name, limit.value, task)
        # From main: an EGM session of an agent before this one would take our messages for old ones.
        self._rws.resetpp()
        self._rws.start("forever", self._tasks)
        self._started = True

    def _wait_for_motors(self) -> None:
        until_s = time.monotonic() + ANSWER_S
        while self._rws.get_controller_state() != "motoron":
            if time.monotonic() > until_s:
                raise ControllerFault("the motors do not go on")
            time.sleep(POLL_S)
