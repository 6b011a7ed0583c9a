"""A motion task of the RAPID program: it sets up EGM for its arm, and runs it until an error."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

from yumi_driver.sim_controller.arm import Arm
from yumi_driver.sim_controller.controller_clock import ControllerClock
from yumi_driver.sim_controller.egm_link import EgmLink
from yumi_driver.sim_controller.egm_messages import Fault
from yumi_driver.sim_controller.egm_session import EgmSession, Guidance


class TaskState(StrEnum):
    """Execution states of a task."""

    READY = "ready"
    STARTED = "started"
    STOPPED = "stopped"


class RapidTask:
    """The task of one arm. Its EGM session stays open while the program is stopped, and continues at the next start."""

    def __init__(self, name: str, arm: Arm, link: EgmLink, guidance: Guidance, timeout_s: float) -> None:
        """Create a task; the program fails if its sensor is silent for more than `timeout_s` seconds."""
        self.name = name
        self.arm = arm
        self.link = link
        self.active = True
        self.faults: Counter[Fault] = Counter()
        """Number of ignored messages of the sensor since the controller was started, by fault."""
        self._state = TaskState.READY
        self._guidance = guidance
        self._timeout_s = timeout_s
        self._session: EgmSession | None = None

    @property
    def state(self) -> TaskState:
        """The execution state."""
        return self._state

    @property
    def runs(self) -> bool:
        """Whether the program is running."""
        return self._state is TaskState.STARTED

    def start(self) -> None:
        """Continue from the program pointer, with a new EGM session if none is open."""
        self._state = TaskState.STARTED
        if self._session is None:
            self._session = EgmSession(self.arm, self._guidance, self._timeout_s, self.faults)
        else:
            self._session.restart()

    def stop(self) -> None:
        """Stop the program; the arm holds."""
        self._state = TaskState.STOPPED

    def end_session(self) -> None:
        """Close the EGM session: no more messages are sent to the sensor."""
        self._session = None

    def reset_pointer(self) -> None:
        """Move the program pointer to main, before the EGM session."""
        self._state = TaskState.READY
        self.end_session()

    def step(self, clock: ControllerClock, *, motors_on: bool) -> None:
        """Run one control step: send feedback, receive targets, and follow them.

        Raises:
            MotionError: the program cannot continue. The arm has not moved.
        """
        if self._session is not None:
            self.link.send(self._session.feedback(clock, motors_on=motors_on, program_runs=self.runs))
        for datagram in self.link.received():
            if self._session is not None:
                self._session.receive(datagram)
        if self._session is not None and self.runs:
            self._session.step(clock.period_s)
        else:
            self.arm.hold()
