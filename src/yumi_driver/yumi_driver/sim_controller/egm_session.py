"""One EGM session of one arm: the sensor's target, and the time since its last message.

7 axes, 1 to 6 and then 7.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from yumi_driver.sim_controller.arm import MotionError
from yumi_driver.sim_controller.egm_messages import BadMessage, Fault, RobotStatus, SensorMessage, robot_datagram
from yumi_driver.sim_controller.event_log import EventKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from yumi_driver.pose import Pose
    from yumi_driver.sim_controller.arm import Arm
    from yumi_driver.sim_controller.controller_clock import ControllerClock

_CONVERGED_MM = 0.5
_CONVERGED_DEG = 0.5


class Guidance(StrEnum):
    """What the sensor guides in the RAPID program: `EGMRunJoint` or `EGMRunPose`."""

    JOINT = "joint"
    POSE = "pose"


class EgmSession:
    """Follows the newest valid target while the program runs; ends when the sensor is silent for too long."""

    def __init__(self, arm: Arm, guidance: Guidance, timeout_s: float, faults: Counter[Fault]) -> None:
        """Start a session; `faults` counts ignored messages, and `timeout_s` is measured by the controller's clock."""
        self._arm = arm
        self._guidance = guidance
        self._timeout_s = timeout_s
        self._faults = faults
        self._sequence = -1
        self._target: Pose | NDArray[np.float64] | None = None
        self._silence_s = 0.0
        self._sent = 0

    def feedback(self, clock: ControllerClock, *, motors_on: bool, program_runs: bool) -> bytes:
        """Return the next message to the sensor."""
        status = RobotStatus(motors_on, program_runs, self._converged)
        datagram = robot_datagram(self._sent, clock, self._arm, status)
        self._sent += 1
        return datagram

    def receive(self, datagram: bytes) -> None:
        """Handle a sensor's message; an invalid one only increases the count of faults."""
        try:
            self._take(SensorMessage.of_datagram(datagram))
        except BadMessage as error:
            self._faults[error.fault] += 1

    def step(self, period_s: float) -> None:
        """Follow the target for one control step of `period_s` seconds.

        Raises:
            MotionError: the sensor has been silent for too long, or the arm cannot follow. The arm has not moved.
        """
        self._silence_s += period_s
        if self._silence_s > self._timeout_s:
            raise MotionError(EventKind.SENSOR_SILENT)
        if self._target is None:
            self._arm.hold()
        elif isinstance(self._target, np.ndarray):
            self._arm.follow_joints(self._target, period_s)
        else:
            self._arm.follow_pose(self._target, period_s)

    def restart(self) -> None:
        """Clear the target when the program continues after a stop, so that the arm does not jump to an old target."""
        self._target = None
        self._silence_s = 0.0

    @property
    def _converged(self) -> bool:
        if self._target is None:
            return True
        if isinstance(self._target, np.ndarray):
            return bool(np.all(np.abs(self._target - self._arm.joints_deg_7) <= _CONVERGED_DEG))
        tip = self._arm.tip
        return tip.distance_mm(self._target) <= _CONVERGED_MM and tip.angle_deg(self._target) <= _CONVERGED_DEG

    def _take(self, message: SensorMessage) -> None:
        if message.sequence <= self._sequence:
            raise BadMessage(Fault.STALE)
        self._target = self._target_of(message)
        self._sequence = message.sequence
        self._silence_s = 0.0

    def _target_of(self, message: SensorMessage) -> Pose | NDArray[np.float64]:
        if self._guidance is Guidance.POSE and message.pose is not None:
            return message.pose
        if self._guidance is Guidance.JOINT and message.joints_deg_A is not None:
            count = len(message.joints_deg_A)
            return np.concatenate([message.joints_deg_A, self._arm.joints_deg_7[count:]])
        raise BadMessage(Fault.UNUSABLE)
