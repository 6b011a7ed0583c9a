"""Decodes and validates EGM messages of sensors, and encodes those of the robot.

4 quaternion components w, x, y, z; A axes: 1 to 6, and 7 if the sensor sends it; 3 coordinates x, y, z.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
from abb_robot_client._egm_protobuf import egm_pb2
from google.protobuf.message import DecodeError

from yumi_driver.pose import Pose

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from yumi_driver.sim_controller.arm import Arm
    from yumi_driver.sim_controller.controller_clock import ControllerClock

_ROBOT_AXES = 6
_UNIT_TOLERANCE = 0.01
_MAX_ABSOLUTE = 1e6  # millimetres or degrees: larger numbers are invalid, and their squares overflow
_UINT32 = 1 << 32


class Fault(Enum):
    """Why a sensor's message is ignored."""

    UNDECODABLE = "the datagram is no EgmSensor message"
    WRONG_TYPE = "the header's type is not correction"
    STALE = "the sequence number is not greater than the last one"
    UNUSABLE = "the target is missing, or is not finite"


class BadMessage(Exception):
    """A sensor's message is ignored; the message states why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, eq=False)
class SensorMessage:
    """A sensor's correction: its sequence number and its valid targets."""

    sequence: int
    pose: Pose | None
    """Target of the tip in the frame of the robot's body."""
    joints_deg_A: NDArray[np.float64] | None

    @classmethod
    def of_datagram(cls, datagram: bytes) -> SensorMessage:
        """Decode the message in a datagram.

        Raises:
            BadMessage: the datagram holds no message, or one of another type.
        """
        message = egm_pb2.EgmSensor()
        try:
            message.ParseFromString(datagram)
        except DecodeError as error:
            raise BadMessage(Fault.UNDECODABLE) from error
        if not message.IsInitialized():
            raise BadMessage(Fault.UNDECODABLE)
        if message.header.mtype != egm_pb2.EgmHeader.MSGTYPE_CORRECTION:
            raise BadMessage(Fault.WRONG_TYPE)
        return cls(message.header.seqno, _pose(message.planned.cartesian), _joints(message.planned))


def _pose(pose: Any) -> Pose | None:
    position_mm_3 = np.array([pose.pos.x, pose.pos.y, pose.pos.z])
    quaternion_4 = np.array([pose.orient.u0, pose.orient.u1, pose.orient.u2, pose.orient.u3])
    if not (pose.HasField("pos") and _is_valid(position_mm_3) and _is_valid(quaternion_4)):
        return None
    # A missing orientation reads as zeros, which do not have unit length.
    if abs(np.linalg.norm(quaternion_4) - 1.0) > _UNIT_TOLERANCE:
        return None
    return Pose.of_quaternion(position_mm_3, quaternion_4)


def _joints(planned: Any) -> NDArray[np.float64] | None:
    joints, external = planned.joints.joints, planned.externalJoints.joints
    joints_deg_A = np.array([*joints, *external])
    usable = len(joints) == _ROBOT_AXES and len(external) <= 1 and _is_valid(joints_deg_A)
    return joints_deg_A if usable else None


def _is_valid(numbers_A: NDArray[np.float64]) -> bool:
    return bool(np.all(np.abs(numbers_A) <= _MAX_ABSOLUTE))  # False for NaN


@dataclass(frozen=True)
class RobotStatus:
    """Status in a robot's message."""

    motors_on: bool
    program_runs: bool
    converged: bool


def robot_datagram(sequence: int, clock: ControllerClock, arm: Arm, status: RobotStatus) -> bytes:
    """Encode a robot's message: feedback, an equal planned position, and the status."""
    message = egm_pb2.EgmRobot()
    message.header.seqno = sequence % _UINT32
    message.header.tm = round(clock.elapsed_s * 1000.0) % _UINT32
    message.header.mtype = egm_pb2.EgmHeader.MSGTYPE_DATA
    # This arm has no dynamics: it reaches the planned position within the control step.
    for part in (message.feedBack, message.planned):
        _write_position(part, arm, clock)
    message.motorState.state = egm_pb2.EgmMotorState.MOTORS_ON if status.motors_on else egm_pb2.EgmMotorState.MOTORS_OFF
    message.mciState.state = egm_pb2.EgmMCIState.MCI_RUNNING if status.program_runs else egm_pb2.EgmMCIState.MCI_STOPPED
    message.mciConvergenceMet = status.converged
    message.rapidExecState.state = (
        egm_pb2.EgmRapidCtrlExecState.RAPID_RUNNING
        if status.program_runs
        else egm_pb2.EgmRapidCtrlExecState.RAPID_STOPPED
    )
    datagram: bytes = message.SerializeToString()
    return datagram


def _write_position(part: Any, arm: Arm, clock: ControllerClock) -> None:
    part.joints.joints.extend(arm.joints_deg_7[:6])
    part.externalJoints.joints.append(arm.joints_deg_7[6])
    part.cartesian.pos.x, part.cartesian.pos.y, part.cartesian.pos.z = arm.tip.position_mm_3
    orient = part.cartesian.orient
    orient.u0, orient.u1, orient.u2, orient.u3 = arm.tip.quaternion_4
    microseconds = round(clock.now.timestamp() * 1e6)
    part.time.sec, part.time.usec = divmod(microseconds, 1_000_000)
