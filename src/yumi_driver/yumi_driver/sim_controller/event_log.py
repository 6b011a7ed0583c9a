"""The controller's event log, with RobotWare's event numbers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime
from enum import Enum, IntEnum
from typing import NamedTuple

from yumi_driver.sim_controller.controller_clock import ControllerClock

_MAX_EVENTS = 1000


class Severity(IntEnum):
    """Severity of an event, as numbered by RobotWare."""

    INFORMATION = 1
    WARNING = 2
    ERROR = 3


class EventKind(Enum):
    """Events of the simulated controller: number, severity and title."""

    MOTORS_OFF = (10010, Severity.INFORMATION, "Motors OFF state")
    MOTORS_ON = (10011, Severity.INFORMATION, "Motors ON state")
    GUARD_STOP = (10012, Severity.INFORMATION, "Safety guard stop state")
    EMERGENCY_STOP = (10013, Severity.INFORMATION, "Emergency stop state")
    MANUAL_MODE = (10015, Severity.INFORMATION, "Manual mode selected")
    AUTOMATIC_MODE = (10017, Severity.INFORMATION, "Automatic mode confirmed")
    PROGRAM_STOPPED = (10125, Severity.INFORMATION, "Program stopped")
    PROGRAM_STARTED = (10151, Severity.INFORMATION, "Program started")
    SENSOR_SILENT = (41822, Severity.ERROR, "No data from the UdpUc device")
    JOINT_OUT_OF_RANGE = (50027, Severity.ERROR, "Joint Out of Range")
    OUTSIDE_REACH = (50050, Severity.ERROR, "Position outside reach")

    def __init__(self, number: int, severity: Severity, title: str) -> None:
        self.number = number
        self.severity = severity
        self.title = title


class LoggedEvent(NamedTuple):
    """An event in the log."""

    sequence: int
    kind: EventKind
    time: datetime
    subjects: tuple[str, ...]
    """Task or mechanical unit that the event concerns, if any."""


class EventLog:
    """Stores the newest 1000 events, numbered from 1."""

    def __init__(self, clock: ControllerClock) -> None:
        self._clock = clock
        self._events: deque[LoggedEvent] = deque(maxlen=_MAX_EVENTS)
        self._logged = 0

    def record(self, kind: EventKind, *subjects: str) -> None:
        """Append an event with the current time."""
        self._logged += 1
        self._events.append(LoggedEvent(self._logged, kind, self._clock.now, subjects))

    def newest_first(self) -> Iterator[LoggedEvent]:
        """Return all stored events."""
        return reversed(self._events)
