"""Client of the robot's controller over Robot Web Services: motors, program, and the limits that it enforces itself."""

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
from typing_extensions import override

from yumi_driver.cell import ControllerAccess
from yumi_driver.limits import Limits

TIMEOUT_S = 3.0
"""Timeout of requests, s; the client library has none."""
POLL_S = 0.1
STARTED = "started"
"""Execution state of a running task."""


class ControllerFault(Exception):
    """The controller did not carry out a request; the message states why."""


class TimeoutAdapter(HTTPAdapter):
    """Sends requests with a timeout of TIMEOUT_S."""

    @override
    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        return super().send(request, *args, **(options | {"timeout": TIMEOUT_S}))


class RobotController:
    """Starts and stops the program that lets the agent guide the arms. May be used by several threads."""

    def __init__(self, access: ControllerAccess, tasks: Sequence[str], limits: Limits) -> None:
        self._rws = RWS(access.url, access.user, access.password)
        self._rws._session.mount("http://", TimeoutAdapter())  # noqa: SLF001 - the client offers no other way
        self._tasks = list(tasks)
        self._limits = limits
        self._lock = threading.Lock()
        self._started = False
        self._stopped = False

    def ensure_running(self) -> None:
        """Switch the motors on, set the limits and start the program, unless it is running.

        Raises:
            ControllerFault: a person must act at the robot first, or the controller does not answer.
        """
        with self._lock:
            try:
                self._ensure_running()
            except ControllerFault:
                raise
            except ABBException as error:
                raise ControllerFault(f"the controller refuses: {error}") from error
            except (RequestException, OSError) as error:
                raise ControllerFault(f"the controller does not answer: {type(error).__name__}") from error
            except Exception as error:
                # The library raises bare exceptions for unexpected answers, such as a refused password.
                raise ControllerFault(f"unexpected answer of the controller: {error}") from error

    def stop(self) -> None:
        """Stop the program for good, if the controller can be reached."""
        self._stopped = True
        # The arms hold already, and the controller stops them by itself when EGM messages cease.
        with self._lock, suppress(Exception):
            self._rws.stop()

    def close(self) -> None:
        """Close the session."""
        self._rws.close()

    def _ensure_running(self) -> None:
        if self._stopped:
            raise ControllerFault("the agent is shutting down")
        mode = self._rws.get_operation_mode()
        if mode != "AUTO":
            raise ControllerFault(f"the controller is in mode {mode}: turn it to AUTO")
        state = self._rws.get_controller_state()
        if state in {"emergencystop", "guardstop", "emergencystopreset", "sysfail"}:
            raise ControllerFault(f"the controller is in {state}: reset it at the robot")
        tasks = self._rws.get_tasks()
        running = [name for name in self._tasks if name in tasks and tasks[name].excstate == STARTED]
        if self._started and len(running) == len(self._tasks):
            return
        if running:
            # Another client has started the program, with other limits, or only one arm's task is running.
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
        # Start from main: an EGM session of an earlier agent would reject our messages as old.
        self._rws.resetpp()
        self._rws.start("forever", self._tasks)
        self._started = True

    def _wait_for_motors(self) -> None:
        until_s = time.monotonic() + TIMEOUT_S
        while self._rws.get_controller_state() != "motoron":
            if time.monotonic() > until_s:
                raise ControllerFault("the motors do not switch on")
            time.sleep(POLL_S)
