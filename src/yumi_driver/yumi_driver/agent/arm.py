"""One arm: follows its ways by EGM, and holds as soon as anything is in doubt.

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

from yumi_driver.agent.end import end_process
from yumi_driver.messages import ArmState

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from yumi_driver.agent.way import JointPath
    from yumi_driver.limits import Limits

WAIT_S = 0.02
LONGEST_STEP_MS = 100
"""Of the controller's clock: after a longer gap the arm goes on where it was."""
NOT_RESUMED = "waits to be resumed"
SILENT = "the robot's controller is silent"
STOPPED = "the robot's controller has stopped"
MOST_WAITING = 100
"""Messages that are read at once: a flood must not keep an arm from being guided."""
START_DEG = 2.0
"""By which an axis may be elsewhere than where its way begins."""


class GuidedArm:
    """Answers every message of the controller with where the arm is to be. Runs a thread until it is closed."""

    def __init__(self, controller: str, egm_port: int, limits: Limits, doubts: Callable[[], str]) -> None:
        """`controller` is the address of the only one that is listened to.

        `doubts` says why the arm must hold, such as that nobody is heard any more; empty if it need not.

        Raises:
            OSError: the port is taken, by another agent say.
        """
        self._egm = EGM(egm_port)
        self._controller = controller
        self._limits = limits
        self._doubts = doubts
        self._lock = threading.Lock()
        self._fault = NOT_RESUMED
        self._number = self._done = 0
        self._outcome = ""
        self._way: JointPath | None = None
        self._gone_s = 0.0
        self._joints_deg_7: NDArray[np.float64] | None = None
        self._held_deg_7: NDArray[np.float64] | None = None
        self._heard_s = -np.inf
        self._followed_s = np.inf
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

    def accept(self, number: int) -> bool:
        """An order has come, and its way is being planned; what the arm is doing is over.

        Returns:
            Whether its number is greater than all before.
        """
        with self._lock:
            if number <= self._number:
                return False
            self._end("replaced by another order")
            self._number = number
            return True

    def follow(self, number: int, way: JointPath, *, resumes: bool = False) -> None:
        """Carry out the order, unless it is over already because the arm was stopped since it came.

        Args:
            number: of the order.
            way: from where the arm is.
            resumes: the order comes from a person who wants the arm back.
        """
        with self._lock:
            if number < self._number or number <= self._done:
                return
            if resumes:
                self._fault = self._in_doubt()
            moved = self._joints_deg_7 is None or np.abs(way.at(0) - self._joints_deg_7).max() > START_DEG
            if self._fault or moved:
                self._end(self._fault or "the arm has moved since its way was planned")
                return
            self._way, self._gone_s = way, 0.0

    def refuse(self, number: int, why: str) -> None:
        """The order cannot be carried out."""
        with self._lock:
            if number == self._number > self._done:
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
        try:
            self._guide()
        except Exception:  # noqa: BLE001 - an arm that nobody guides must not look as if somebody did
            traceback.print_exc()
            end_process()

    def _guide(self) -> None:
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

    def _newest(self) -> Any:
        """The client gives the oldest message that waits."""
        newest, wait_s = None, WAIT_S
        for _ in range(MOST_WAITING):
            try:
                received, feedback = self._egm.receive_from_robot(wait_s)
            except DecodeError:
                continue
            if not received:
                break
            if self._egm.egm_addr[0] == self._controller and _is_whole(feedback):
                newest, wait_s = feedback, 0.0
        return newest

    def _hear(self, feedback: Any) -> None:
        message = feedback.robot_message
        self._joints_deg_7 = np.concatenate([feedback.joint_angles, feedback.external_axes[:1]])
        self._heard_s = time.monotonic()
        if self._way is None or self._held_deg_7 is None or self._lag_deg() <= self._limits.tracking_deg.value:
            self._followed_s = self._heard_s
        passed_ms = message.header.tm - self._clock_ms
        self._clock_ms = message.header.tm
        self._runs = feedback.motors_on and feedback.rapid_running
        if self._way is not None and 0 < passed_ms <= LONGEST_STEP_MS:
            self._gone_s += passed_ms / 1000

    def _lag_deg(self) -> float:
        """Of the axis that is farthest from where it was told to be."""
        assert self._held_deg_7 is not None  # noqa: S101 - the arm follows a way
        assert self._joints_deg_7 is not None  # noqa: S101 - the controller has been heard
        return float(np.abs(self._held_deg_7 - self._joints_deg_7).max())

    def _in_doubt(self) -> str:
        if time.monotonic() - self._heard_s > self._limits.silence_s.value:
            return SILENT
        if not self._runs:
            return STOPPED
        if time.monotonic() - self._followed_s > self._limits.silence_s.value:
            return f"an axis lags more than {self._limits.tracking_deg.value:g} degrees behind: something holds the arm"
        return self._doubts()

    def _target(self) -> NDArray[np.float64]:
        """Where the arm is to be now, degrees."""
        if self._way is not None:
            self._held_deg_7 = self._way.at(self._gone_s)
            if self._gone_s >= self._way.duration_s:
                self._end("")
        if self._held_deg_7 is None:
            self._held_deg_7 = self._joints_deg_7
        assert self._held_deg_7 is not None  # noqa: S101 - the controller has been heard
        return self._held_deg_7

    def _end(self, outcome: str) -> None:
        """What the arm was told last is over."""
        if self._way is not None or self._done != self._number:
            self._done, self._outcome = self._number, outcome
        if outcome:
            self._held_deg_7 = self._joints_deg_7
        self._way = None


def _is_whole(feedback: Any) -> bool:
    """Whether a message says where all axes are."""
    joints, externals = feedback.joint_angles, feedback.external_axes
    if joints is None or externals is None or len(joints) != 6 or len(externals) < 1:
        return False
    return bool(np.isfinite(joints).all() and np.isfinite(externals[0]))
