"""One arm from the fleet's view: its phase, and the last picture of its workspace.

H rows, W columns of pictures; pictures are RGB.
"""

from __future__ import annotations

import time
from enum import Enum, auto
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from yumi_driver.link import Link
    from yumi_driver.messages import ArmState
    from yumi_driver.overhead import Overhead

COMMAND_S = 60.0
"""Timeout of a command, s."""
PICTURE_S = 5.0
"""Timeout of a picture, s."""
READMITTING = "is being readmitted"
"""Why an arm is unreachable that a person has readmitted and that has not parked yet."""
STOPPED = "stopped"
"""Outcome of a command that a stop has ended."""


class ArmPhase(Enum):
    """What an arm is doing."""

    EXPECTED = auto()
    """The fleet is starting, and the arm may still connect."""
    UNREACHABLE = auto()
    """It is unreachable until a person readmits it."""
    READMITTING = auto()
    """A person has readmitted it: it lifts its pusher and parks."""
    PARKING = auto()
    """It was stopped while away from its parked posture, and parks."""
    PUSHING = auto()
    AWAITING_PICTURE = auto()
    """It is parked, and a picture is awaited."""
    OBSERVED = auto()
    """It is at rest, and a picture of its workspace has arrived since."""


class ArmView:
    """Tracks one arm. Call `update` often; no method blocks."""

    def __init__(self, name: str, overhead: Overhead, link: Link, log: Callable[[str], None]) -> None:
        self.name = name
        self.overhead = overhead
        self.phase = ArmPhase.EXPECTED
        self.reason = READMITTING
        """Why the arm is unreachable; empty if it is reachable."""
        self.picture_HW3: NDArray[np.uint8] | None = None
        """Last picture of the workspace."""
        self.cube_3: NDArray[np.float64] | None = None
        """x, y and yaw of the cube in the picture, m and radians; None if no cube was found."""
        self.parked = True
        """Whether the arm is parked beside its workspace; otherwise it was stopped elsewhere."""
        self._link = link
        self._log = log
        self._command = 0
        self._first_heartbeat = 0
        self._since_s = 0.0

    @property
    def busy(self) -> bool:
        """Whether the arm is reachable and has not finished yet."""
        return not self.reason and self.phase is not ArmPhase.OBSERVED

    def readmit(self) -> None:
        """Readmit the arm."""
        self.reason = READMITTING
        self._start(ArmPhase.READMITTING, self._link.readmit(self.name))

    def give_up(self, reason: str) -> None:
        """Mark the arm unreachable until a person readmits it."""
        self.phase, self.reason = ArmPhase.UNREACHABLE, reason

    def hold(self) -> None:
        """Hold; take a new picture if the arm does not hide the workspace."""
        if self.parked:
            self._await_picture()

    def park(self) -> None:
        """Lift the pusher and park, then take a new picture."""
        if self.parked:
            self._await_picture()
        else:
            self._start(ArmPhase.PARKING, self._link.park(self.name))

    def push(self, start: tuple[float, float], yaw: float, travel: float) -> None:
        """Push from `start` (m) in the direction `yaw` (radians) over the distance `travel` (m)."""
        self._start(ArmPhase.PUSHING, self._link.push(self.name, start, yaw, travel))

    def update(self) -> None:
        """Continue with what the link has received since."""
        if self.phase in {ArmPhase.UNREACHABLE, ArmPhase.EXPECTED}:
            return
        fault = self._link.fault or self._advance(self._link.arm(self.name))
        if fault:
            self.give_up(fault)
        elif self.phase is ArmPhase.AWAITING_PICTURE:
            self._observe()

    def _advance(self, state: ArmState | None) -> str:
        """Return why the arm is lost; if it is not, return an empty string and handle the end of its command."""
        if state is None:
            return "the agent sends no state of this arm"
        if self.phase in {ArmPhase.OBSERVED, ArmPhase.AWAITING_PICTURE}:
            late = self.phase is ArmPhase.AWAITING_PICTURE and time.monotonic() - self._since_s > PICTURE_S
            return state.fault or (f"no picture for {PICTURE_S:g} s" if late else "")
        if state.done < self._command:
            late = time.monotonic() - self._since_s > COMMAND_S
            if late:
                self._link.stop()
            return f"a command was not completed within {COMMAND_S:g} s" if late else ""
        if state.outcome:
            self._log(f"{self.name}: {state.outcome}")
        stopped = state.outcome == STOPPED and self.phase is not ArmPhase.READMITTING
        if self.phase in {ArmPhase.READMITTING, ArmPhase.PARKING} and state.outcome and not stopped:
            return state.outcome
        if state.fault:
            return state.fault
        self.parked = not stopped
        if stopped:
            # The arm may hide the cube.
            self.cube_3 = None
            self._enter(ArmPhase.OBSERVED)
        else:
            self._await_picture()
        return ""

    def _await_picture(self) -> None:
        self._first_heartbeat = self._link.next_heartbeat()
        self._enter(ArmPhase.AWAITING_PICTURE)

    def _observe(self) -> None:
        picture = self._link.picture(self.name)
        if picture is None or picture.heartbeat < self._first_heartbeat:
            return
        self.picture_HW3 = picture.pixels_HW3
        self.cube_3 = self.overhead.cube(self.picture_HW3)
        self.reason = ""
        self._enter(ArmPhase.OBSERVED)

    def _start(self, phase: ArmPhase, command: int) -> None:
        self._command = command
        self._enter(phase)

    def _enter(self, phase: ArmPhase) -> None:
        self.phase, self._since_s = phase, time.monotonic()
