"""The operator's panel: operation mode, safety chain and motors."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from yumi_driver.sim_controller.event_log import EventKind, EventLog
from yumi_driver.sim_controller.refusal import rejected


class ControllerState(StrEnum):
    """The controller states of Robot Web Services that a running controller can be in."""

    MOTORS_OFF = "motoroff"
    MOTORS_ON = "motoron"
    GUARD_STOP = "guardstop"
    EMERGENCY_STOP = "emergencystop"
    EMERGENCY_STOP_RESET = "emergencystopreset"


class OperationMode(StrEnum):
    """Automatic, and manual at reduced speed."""

    AUTOMATIC = "AUTO"
    MANUAL = "MANR"


class OperatorPanel:
    """Starts in automatic mode with a closed safety chain and motors off.

    In manual mode nobody holds the enabling device, so the safety chain is open.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._calls: list[Callable[[], None]] = []
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

    def when_motors_go_off(self, call: Callable[[], None]) -> None:
        """Have `call` called after the motors have gone off."""
        self._calls.append(call)

    def motors_on(self) -> None:
        """Turn the motors on from remote.

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
        """Turn the motors off from remote."""
        if self._motors:
            self._lose_motors(EventKind.MOTORS_OFF)

    def open_guard(self) -> None:
        """Open the safety chain, as a cell's door does."""
        self._guard_open = True
        self._lose_motors(EventKind.GUARD_STOP)

    def close_guard(self) -> None:
        """Close the safety chain again; the motors stay off."""
        self._guard_open = False

    def press_emergency_stop(self) -> None:
        """Press an emergency stop button."""
        self._emergency = ControllerState.EMERGENCY_STOP
        self._lose_motors(EventKind.EMERGENCY_STOP)

    def release_emergency_stop(self) -> None:
        """Release the button; only a person beside the robot can reset the stop."""
        self._emergency = ControllerState.EMERGENCY_STOP_RESET

    def reset_emergency_stop(self) -> None:
        """Confirm that the emergency is over; the motors stay off."""
        self._emergency = None

    def select_mode(self, mode: OperationMode) -> None:
        """Turn the mode selector; the motors go off."""
        self._mode = mode
        manual = mode is OperationMode.MANUAL
        self._log.record(EventKind.MANUAL_MODE if manual else EventKind.AUTOMATIC_MODE)
        self._lose_motors(EventKind.GUARD_STOP if manual else EventKind.MOTORS_OFF)

    def _lose_motors(self, kind: EventKind) -> None:
        self._motors = False
        self._log.record(kind)
        for call in self._calls:
            call()
