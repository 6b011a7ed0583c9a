"""One arm: follows paths by Externally Guided Motion (EGM), and holds at any fault.

7 axes in the order of the controller's data, 1 to 6 and then 7.
"""

from __future__ import annotations

import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

import numpy as np
from abb_robot_client.egm import EGM
from google.protobuf.message import DecodeError

from yumi_driver.agent.process_exit import exit_process
from yumi_driver.messages import ArmState

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from yumi_driver.agent.joint_path import JointPath
    from yumi_driver.limits import Limits

RECEIVE_S = 0.02
"""Seconds to wait for a message of the controller."""
MAX_STEP_MS = 100
"""Longest step of the controller's clock that advances the path; after a longer gap the arm continues where it was."""
NOT_READMITTED = "waiting to be readmitted"
SILENT = "the robot's controller is silent"
STOPPED = "the robot's controller has stopped"
MAX_MESSAGES = 100
"""Largest number of messages read at once: a flood of messages must not keep the arm from being guided."""
MAX_START_DEG = 2.0
"""Largest distance of an axis from the beginning of its path, degrees."""


class GuidedArm:
    """Answers every message of the controller with target angles. Runs a thread until it is closed."""

    def __init__(self, controller: str, egm_port: int, limits: Limits, external_fault: Callable[[], str]) -> None:
        """Open the port and start to hold the arm.

        Args:
            controller: IP address of the controller; messages of others are ignored.
            egm_port: UDP port that the controller sends to.
            limits: limits of the motion.
            external_fault: returns why the arm must hold, such as a silent fleet; empty if it may move.

        Raises:
            OSError: the port is in use, for example by another agent.
        """
        self._egm = EGM(egm_port)
        self._controller = controller
        self._limits = limits
        self._external_fault = external_fault
        self._lock = threading.Lock()
        self._fault = NOT_READMITTED
        self._number = self._done = 0
        self._outcome = ""
        self._path: JointPath | None = None
        self._path_s = 0.0
        self._joints_deg_7: NDArray[np.float64] | None = None
        self._held_deg_7: NDArray[np.float64] | None = None
        self._received_s = -np.inf
        self._followed_s = np.inf
        self._runs = False
        self._clock_ms = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"arm at {egm_port}")
        self._thread.start()

    @property
    def state(self) -> ArmState:
        """The arm's state for the fleet."""
        with self._lock:
            joints = None if self._joints_deg_7 is None else tuple(map(float, self._joints_deg_7))
            return ArmState(fault=self._fault, done=self._done, outcome=self._outcome, joints_deg=joints)

    @property
    def joints_deg_7(self) -> NDArray[np.float64] | None:
        """The arm's joint angles; None while it cannot be guided."""
        with self._lock:
            connected = time.monotonic() - self._received_s <= self._limits.silence_s.value
            return self._joints_deg_7 if connected and self._runs else None

    @property
    def motion_fault(self) -> str:
        """Why the arm cannot move now; empty if it can."""
        with self._lock:
            return self._find_fault()

    def accept(self, number: int) -> bool:
        """End the current command, because a new one has arrived whose path is being planned.

        Returns:
            Whether its number is greater than all before.
        """
        with self._lock:
            if number <= self._number:
                return False
            self._end("replaced by another command")
            self._number = number
            return True

    def follow(self, number: int, path: JointPath, *, readmits: bool = False) -> None:
        """Carry out a command, unless the arm has been stopped since the command arrived.

        Args:
            number: number of the command.
            path: path from the arm's position.
            readmits: whether a person readmits the arm with this command.
        """
        with self._lock:
            if number < self._number or number <= self._done:
                return
            if readmits:
                self._fault = self._find_fault()
            moved = self._joints_deg_7 is None or np.abs(path.at(0) - self._joints_deg_7).max() > MAX_START_DEG
            if self._fault or moved:
                self._end(self._fault or "the arm has moved since its path was planned")
                return
            self._path, self._path_s = path, 0.0

    def reject(self, number: int, reason: str) -> None:
        """End a command that cannot be carried out."""
        with self._lock:
            if number == self._number > self._done:
                self._end(reason)

    def stop(self) -> None:
        """Hold the arm. The next command may move it again."""
        with self._lock:
            self._end("stopped")

    def close(self) -> None:
        """Stop answering the controller."""
        self._closing.set()
        self._thread.join()
        self._egm.close()

    def _run(self) -> None:
        try:
            self._guide()
        except Exception:  # noqa: BLE001 - an arm that is not guided must not look as if it were
            traceback.print_exc()
            exit_process()

    def _guide(self) -> None:
        while not self._closing.is_set():
            feedback = self._newest()
            with self._lock:
                if feedback is not None:
                    self._receive(feedback)
                fault = self._find_fault()
                if fault and not self._fault:
                    self._fault = fault
                    self._end(fault)
                if feedback is not None:
                    target_deg_7 = self._target()
                    self._egm.send_to_robot(target_deg_7[:6], external_joints=target_deg_7[6:])

    def _newest(self) -> Any:
        """Return the newest message, or None; the client library returns the oldest."""
        newest, wait_s = None, RECEIVE_S
        for _ in range(MAX_MESSAGES):
            try:
                received, feedback = self._egm.receive_from_robot(wait_s)
            except DecodeError:
                continue
            if not received:
                break
            if self._egm.egm_addr[0] == self._controller and _is_whole(feedback):
                newest, wait_s = feedback, 0.0
        return newest

    def _receive(self, feedback: Any) -> None:
        message = feedback.robot_message
        self._joints_deg_7 = np.concatenate([feedback.joint_angles, feedback.external_axes[:1]])
        self._received_s = time.monotonic()
        if self._path is None or self._held_deg_7 is None or self._lag_deg() <= self._limits.tracking_deg.value:
            self._followed_s = self._received_s
        passed_ms = message.header.tm - self._clock_ms
        self._clock_ms = message.header.tm
        self._runs = feedback.motors_on and feedback.rapid_running
        if self._path is not None and 0 < passed_ms <= MAX_STEP_MS:
            self._path_s += passed_ms / 1000

    def _lag_deg(self) -> float:
        """Return the largest distance of an axis from its target, degrees."""
        assert self._held_deg_7 is not None  # noqa: S101 - the arm follows a path
        assert self._joints_deg_7 is not None  # noqa: S101 - feedback has been received
        return float(np.abs(self._held_deg_7 - self._joints_deg_7).max())

    def _find_fault(self) -> str:
        if time.monotonic() - self._received_s > self._limits.silence_s.value:
            return SILENT
        if not self._runs:
            return STOPPED
        if time.monotonic() - self._followed_s > self._limits.silence_s.value:
            return f"an axis lags more than {self._limits.tracking_deg.value:g} degrees behind: something holds the arm"
        return self._external_fault()

    def _target(self) -> NDArray[np.float64]:
        """Return the current target angles, degrees."""
        if self._path is not None:
            self._held_deg_7 = self._path.at(self._path_s)
            if self._path_s >= self._path.duration_s:
                self._end("")
        if self._held_deg_7 is None:
            self._held_deg_7 = self._joints_deg_7
        assert self._held_deg_7 is not None  # noqa: S101 - feedback has been received
        return self._held_deg_7

    def _end(self, outcome: str) -> None:
        """End the current command with an outcome; it is empty after success."""
        if self._path is not None or self._done != self._number:
            self._done, self._outcome = self._number, outcome
        if outcome:
            self._held_deg_7 = self._joints_deg_7
        self._path = None


def _is_whole(feedback: Any) -> bool:
    """Return whether a message has the angles of all axes."""
    joints, externals = feedback.joint_angles, feedback.external_axes
    if joints is None or externals is None or len(joints) != 6 or len(externals) < 1:
        return False
    return bool(np.isfinite(joints).all() and np.isfinite(externals[0]))
