"""One arm: follows its ways by EGM, and holds as soon as anything is in doubt.

7 axes in the order of the controller's data, 1 to 6 and then 7.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import numpy as np
from abb_robot_client.egm import EGM
from google.protobuf.message import DecodeError

from yumi_driver.messages import ArmState

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from yumi_driver.agent.path import Path
    from yumi_driver.limits import Limits

WAIT_S = 0.02
LONGEST_STEP_MS = 100
"""Of the controller's clock: after a longer gap the arm goes on where it was."""
NOT_RESUMED = "waits to be resumed"
SILENT = "the robot's controller is silent"
STOPPED = "the robot's controller has stopped"


class GuidedArm:
    """Answers every message of the controller with where the arm is to be. Runs a thread until it is closed."""

    def __init__(self, egm_port: int, limits: Limits, doubts: Callable[[], str]) -> None:
        """`doubts` says why the arm must hold, such as that nobody is heard any more; empty if it need not.

        Raises:
            OSError: the port is taken, by another agent say.
        """
        self._egm = EGM(egm_port)
        self._limits = limits
        self._doubts = doubts
        self._lock = threading.Lock()
        self._fault = NOT_RESUMED
        self._number = self._done = 0
        self._outcome = ""
        self._path: Path | None = None
        self._gone_s = 0.0
        self._joints_deg_7: NDArray[np.float64] | None = None
        self._held_deg_7: NDArray[np.float64] | None = None
        self._heard_s = -np.inf
        self._runs = False
        self._clock_ms = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"arm at {egm_port}")
        self._thread.start()

    @property
    def state(self) -> ArmState:
        """What the fleet is told."""
        with self._lock:
            joints = None if self._joints_deg_7 is None else tuple(map(float, self._joints_deg_7))
            return ArmState(fault=self._fault, done=self._done, outcome=self._outcome, joints_deg=joints)

    @property
    def joints_deg_7(self) -> NDArray[np.float64] | None:
        """Where the arm is; None while it cannot be guided."""
        with self._lock:
            heard = time.monotonic() - self._heard_s <= self._limits.silence_s.value
            return self._joints_deg_7 if heard and self._runs else None

    @property
    def doubt(self) -> str:
        """Why the arm could not move now; empty if it could."""
        with self._lock:
            return self._in_doubt()

    def accept(self, number: int) -> None:
        """An order has come, and its way is being planned."""
        with self._lock:
            self._number = number

    def follow(self, number: int, path: Path, *, resumes: bool = False) -> None:
        """Carry out the order, unless it is over already because the arm was stopped since it came.

        Args:
            number: of the order.
            path: from where the arm is.
            resumes: the order comes from a person who wants the arm back.
        """
        with self._lock:
            if number <= self._done:
                return
            if resumes:
                self._fault = self._in_doubt()
            if self._fault:
                self._end(self._fault)
                return
            self._path, self._gone_s = path, 0.0

    def refuse(self, number: int, why: str) -> None:
        """The order cannot be carried out."""
        with self._lock:
            if number > self._done:
                self._end(why)

    def stop(self) -> None:
        """Hold here. The next order may move the arm again."""
        with self._lock:
            self._end("stopped")

    def close(self) -> None:
        """Answer the controller no more."""
        self._closing.set()
        self._thread.join()
        self._egm.close()

    def _run(self) -> None:
        while not self._closing.is_set():
            feedback = self._newest()
            with self._lock:
                if feedback is not None:
                    self._hear(feedback)
                doubt = self._in_doubt()
                if doubt and not self._fault:
                    self._fault = doubt
                    self._end(doubt)
                if feedback is not None:
                    target_deg_7 = self._target()
                    self._egm.send_to_robot(target_deg_7[:6], external_joints=target_deg_7[6:])

    def _newest(self) -> object:
        """The client gives the oldest message that waits."""
        newest, wait_s = None, WAIT_S
        while True:
            try:
                received, feedback = self._egm.receive_from_robot(wait_s)
            except DecodeError:
                continue
            if not received:
                return newest
            newest, wait_s = feedback, 0.0

    def _hear(self, feedback: object) -> None:
        message = feedback.robot_message  # type: ignore[attr-defined] # the client has no types
        self._joints_deg_7 = np.concatenate([feedback.joint_angles, feedback.external_axes[:1]])  # type: ignore[attr-defined]
        self._heard_s = time.monotonic()
        passed_ms = message.header.tm - self._clock_ms
        self._clock_ms = message.header.tm
        self._runs = feedback.motors_on and feedback.rapid_running  # type: ignore[attr-defined]
        if self._path is not None and 0 < passed_ms <= LONGEST_STEP_MS:
            self._gone_s += passed_ms / 1000

    def _in_doubt(self) -> str:
        if time.monotonic() - self._heard_s > self._limits.silence_s.value:
            return SILENT
        if not self._runs:
            return STOPPED
        if self._held_deg_7 is not None and self._joints_deg_7 is not None and self._path is not None:
            lag_deg = float(np.abs(self._held_deg_7 - self._joints_deg_7).max())
            if lag_deg > self._limits.tracking_deg.value:
                return f"an axis lags {lag_deg:.1f} degrees behind: something holds the arm"
        return self._doubts()

    def _target(self) -> NDArray[np.float64]:
        """Where the arm is to be now, degrees."""
        if self._path is not None:
            self._held_deg_7 = self._path.at(self._gone_s)
            if self._gone_s >= self._path.duration_s:
                self._end("")
        if self._held_deg_7 is None:
            self._held_deg_7 = self._joints_deg_7
        assert self._held_deg_7 is not None  # noqa: S101 - the controller has been heard
        return self._held_deg_7

    def _end(self, outcome: str) -> None:
        """What the arm was told last is over."""
        if self._path is not None or self._done != self._number:
            self._done, self._outcome = self._number, outcome
        if outcome:
            self._held_deg_7 = self._joints_deg_7
        self._path = None
