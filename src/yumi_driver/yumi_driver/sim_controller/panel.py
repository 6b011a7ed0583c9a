"""The operator's panel: operation mode, safety chain and motors."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from yumi_driver.sim_controller.event_log import EventKind, EventLog
from yumi_driver.sim_controller.refusal import rejected


class ControllerState(StrEnum):
    """States of a running controller in Robot Web Services."""

    MOTORS_OFF = "motoroff"
    MOTORS_ON = "motoron"
    GUARD_STOP = "guardstop"
    EMERGENCY_STOP = "emergencystop"
    EMERGENCY_STOP_RESET = "emergencystopreset"


class OperationMode(StrEnum):
    """Automatic mode, and manual mode at reduced speed."""

    AUTOMATIC = "AUTO"
    MANUAL = "MANR"


class OperatorPanel:
    """Starts in automatic mode with a closed safety chain and motors off.

    In manual mode the enabling device is not held, so that the safety chain is open.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._callbacks: list[Callable[[], None]] = []
        self._mode = OperationMode.AUTOMATIC
        self._guard_open = False
        self._emergency: ControllerState | None = None
        self._motors = False

    @property
    def mode(self) -> OperationMode:
        """The operation mode."""
        return self._mode

    @property
    def state(self) -> ControllerState:
        """The controller state; an emergency stop hides a guard stop."""
        if self._emergency is not None:
            return self._emergency
        if self._guard_open or self._mode is OperationMode.MANUAL:
            return ControllerState.GUARD_STOP
        return ControllerState.MOTORS_ON if self._motors else ControllerState.MOTORS_OFF

    def when_motors_go_off(self, callback: Callable[[], None]) -> None:
        """Register a function that is called after the motors have been switched off."""
        self._callbacks.append(callback)

    def motors_on(self) -> None:
        """Turn the motors on by remote control.

        Raises:
            Refusal: the safety chain is open, or an emergency stop has not been reset.
        """
        if self.state is ControllerState.MOTORS_ON:
            return
        if self.state is not ControllerState.MOTORS_OFF:
            raise rejected(f"motors on in state {self.state}")
        self._motors = True
        self._log.record(EventKind.MOTORS_ON)

    def motors_off(self) -> None:
        """Turn the motors off by remote control."""
        if self._motors:
            self._switch_motors_off(EventKind.MOTORS_OFF)

    def open_guard(self) -> None:
        """Open the safety chain, like a cell's door."""
        self._guard_open = True
        self._switch_motors_off(EventKind.GUARD_STOP)

    def close_guard(self) -> None:
        """Close the safety chain again; the motors stay off."""
        self._guard_open = False

    def press_emergency_stop(self) -> None:
        """Press an emergency stop button."""
        self._emergency = ControllerState.EMERGENCY_STOP
        self._switch_motors_off(EventKind.EMERGENCY_STOP)

    def release_emergency_stop(self) -> None:
        """Release the button; a person at the robot must still reset the stop."""
        self._emergency = ControllerState.EMERGENCY_STOP_RESET

    def reset_emergency_stop(self) -> None:
        """Reset the emergency stop; the motors stay off."""
        self._emergency = None

    def select_mode(self, mode: OperationMode) -> None:
        """Select the operation mode; the motors are switched off."""
        self._mode = mode
        manual = mode is OperationMode.MANUAL
        self._log.record(EventKind.MANUAL_MODE if manual else EventKind.AUTOMATIC_MODE)
        self._switch_motors_off(EventKind.GUARD_STOP if manual else EventKind.MOTORS_OFF)

    def _switch_motors_off(self, kind: EventKind) -> None:
        self._motors = False
        self._log.record(kind)
        for callback in self._callbacks:
            callback()
