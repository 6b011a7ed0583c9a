"""RAPID execution: the motion tasks start and stop together, and run only while the motors are on."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus

from yumi_driver.sim_controller.arm import MotionError
from yumi_driver.sim_controller.controller_clock import ControllerClock
from yumi_driver.sim_controller.event_log import EventKind, EventLog
from yumi_driver.sim_controller.panel import ControllerState, OperatorPanel
from yumi_driver.sim_controller.rapid_task import RapidTask
from yumi_driver.sim_controller.refusal import Refusal, ReturnCode, rejected


class Cycle(StrEnum):
    """How often the program is run; `asis` keeps the current setting."""

    AS_IS = "asis"
    ONCE = "once"
    FOREVER = "forever"


class Rapid:
    """The program of all tasks. The panel stops it when the motors are switched off."""

    def __init__(self, tasks: Mapping[str, RapidTask], panel: OperatorPanel, log: EventLog) -> None:
        self.tasks = tasks
        self.cycle = Cycle.FOREVER
        self._panel = panel
        self._log = log
        panel.when_motors_go_off(self.stop)

    @property
    def runs(self) -> bool:
        """Whether any task is being executed."""
        return any(task.runs for task in self.tasks.values())

    def start(self, cycle: Cycle) -> None:
        """Start the program of all active tasks.

        Raises:
            Refusal: the motors are off, the program is running already, or no task is active.
        """
        active = [task for task in self.tasks.values() if task.active]
        if self._panel.state is not ControllerState.MOTORS_ON or self.runs or not active:
            reason = "motors off, program running, or no task active"
            raise Refusal(HTTPStatus.BAD_REQUEST, ReturnCode.EXECUTION_STATE, reason)
        if cycle is not Cycle.AS_IS:
            self.cycle = cycle
        for task in active:
            task.start()
            self._log.record(EventKind.PROGRAM_STARTED, task.name)

    def stop(self) -> None:
        """Stop all running tasks."""
        for task in self.tasks.values():
            if task.runs:
                task.stop()
                self._log.record(EventKind.PROGRAM_STOPPED, task.name)

    def reset_pointers(self) -> None:
        """Move all program pointers to main.

        Raises:
            Refusal: the program is running.
        """
        self._require_stopped("moving the program pointer")
        for task in self.tasks.values():
            task.reset_pointer()

    def activate(self, name: str, *, active: bool) -> None:
        """Select or deselect a task for the next start.

        Raises:
            Refusal: there is no such task, or the program is running.
        """
        if name not in self.tasks:
            raise Refusal(HTTPStatus.NOT_FOUND, ReturnCode.FAILED, f"task {name} not found")
        self._require_stopped("selecting tasks")
        self.tasks[name].active = active

    def step(self, clock: ControllerClock) -> None:
        """Run one control step of every task; an error in one of them stops all."""
        motors_on = self._panel.state is ControllerState.MOTORS_ON
        for task in self.tasks.values():
            try:
                task.step(clock, motors_on=motors_on)
            except MotionError as error:
                task.arm.hold()
                self._log.record(error.kind, task.arm.name)
                self.stop()
                task.end_session()

    def _require_stopped(self, action: str) -> None:
        if self.runs:
            raise rejected(f"{action} while the program is running")
