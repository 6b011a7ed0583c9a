"""The robot contract: one file per robot type with its observation, its action, and the meaning of its signals."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from fleet_contract.alignment import Alignment
from fleet_contract.images import CHANNELS
from fleet_contract.native import Native
from fleet_contract.operation import Operation
from fleet_contract.quantity import Name, Quantity
from fleet_contract.validation import InputError, StrictModel

Stream = Literal["state", "camera"]
"""The part of the observation that a policy uses."""
DEFAULT_EXTENT_M = 1.0
"""Extent, m, with which views draw robots that have no workspace."""

CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
"""Message type of the cameras' calibrations."""


class VectorStream(StrictModel):
    """A topic with the low-dimensional observation."""

    topic: str
    """Topic relative to the robot's namespace."""
    type: str
    """ROS message type, package/msg/Name."""
    field: str
    """Field of the message that holds the numbers."""
    quantities: tuple[Quantity, ...] = Field(min_length=1)
    """Meaning of each number, in the order of the message."""
    align: Alignment
    """Rule that joins the topic's messages to ticks."""


class MountingPose(StrictModel):
    """Pose of a frame in robot_XX/base_link."""

    position: tuple[float, float, float]
    """x, y and z, m."""
    roll_pitch_yaw: tuple[float, float, float]
    """Rotations about the fixed axes x, y and z, in this order, rad (REP 103)."""


class ImageStream(StrictModel):
    """A topic with camera images."""

    topic: str
    """Topic relative to the robot's namespace."""
    type: str
    """ROS message type, package/msg/Name."""
    width: int = Field(gt=0)
    """Columns, pixels."""
    height: int = Field(gt=0)
    """Rows, pixels."""
    encoding: Literal["rgb8", "bgr8", "mono8"]
    """Order and type of the image's channels."""
    align: Alignment
    """Rule that joins the topic's messages to ticks."""
    place: MountingPose | None = None
    """Pose of robot_XX/camera_optical_frame, whose x points right and y down in the image, and z ahead. None: the pose is derived
    from the corners of operation.plane."""

    @property
    def info_topic(self) -> str:
        """Topic of the camera's calibration, beside its images."""
        return self.topic.rsplit("/", 1)[0] + "/camera_info"


class ObservationSpace(StrictModel):
    """What the robot observes."""

    state: VectorStream
    """Topic with the low-dimensional observation."""
    camera: ImageStream | None = None
    """Topic with camera images. None: the robot has no camera."""


class ActionSpace(StrictModel):
    """How the robot is moved."""

    topic: str
    """Topic relative to the robot's namespace."""
    type: str
    """ROS message type, package/msg/Name."""
    field: str
    """Field of the message that holds the numbers."""
    meaning: Literal["push_vector", "displacement", "joint_position", "joint_torque", "pose_delta", "twist"]
    """What the numbers command."""
    quantities: tuple[Quantity, ...] = Field(min_length=1)
    """Meaning and limits of each number, in the order of the message."""
    hold: Literal["stay"]
    """What the robot does on the command to hold, and without a command."""


class StatusFlag(StrictModel):
    """A boolean that the robot reports at every tick."""

    topic: str
    """Topic relative to the robot's namespace."""
    type: str
    """ROS message type, package/msg/Name."""
    field: str
    """Field of the message that holds the boolean."""


class RobotContract(StrictModel):
    """A robot contract. Bridge, drivers, policy, gate and recorder read it; checkpoints and bags hold its digest."""

    robot: str = Name
    """Name of the robot type."""
    rate_hz: float = Field(gt=0)
    """Ticks per second when the fleet runs in real time."""
    observation: ObservationSpace
    """What the robot observes."""
    action: ActionSpace
    """How the robot is moved."""
    violation: StatusFlag
    """Whether the robot is in constraint violation and needs a hard reset."""
    success: StatusFlag
    """Whether the last action completed the task."""
    operation: Operation | None = None
    """How a person sees and drives the robot. None: people cannot drive it."""
    native: Native | None = None
    """Topics of a robot that already speaks ROS 2. None: the robot's driver uses the topics above."""

    @model_validator(mode="after")
    def _operation_fits(self) -> Self:
        plane = self.operation and self.operation.plane
        observed = [quantity.name for quantity in self.observation.state.quantities]
        for name in plane.observed if plane else ():
            if name not in observed:
                raise ValueError(f"operation.plane: expected quantities of {', '.join(observed)}, got {name!r}")
        if self.operation and self.action_dim != 2:
            raise ValueError(f"operation: expected 2 action values, which a pointer moves, got {self.action_dim}")
        for quantity in self.action.quantities if self.operation else ():
            if not quantity.low < 0 < quantity.high:
                raise ValueError(
                    f"operation: expected a range of {quantity.name} around 0, because a pointer moves in both directions, "
                    f"got {quantity.low} to {quantity.high}"
                )
        return self

    @model_validator(mode="after")
    def _native_fits(self) -> Self:
        if self.native:
            users = {"observation.camera": self.observation.camera, "operation.video": self.operation}
            self.native.require_fit(
                observed=self.observation.state.quantities,
                moved=self.action.quantities,
                meaning=self.action.meaning,
                camera_users=[key for key, user in users.items() if user],
                fleet_topics=self.fleet_topics,
            )
        return self

    @property
    def extent_m(self) -> float:
        """Longer side of the robot's workspace, m; DEFAULT_EXTENT_M if the contract has no plane."""
        plane = self.operation and self.operation.plane
        if not plane:
            return DEFAULT_EXTENT_M
        (left, near), (right, far) = plane.workspace.low, plane.workspace.high
        return max(right - left, far - near)

    def require_operation(self) -> Operation:
        """Return how a person drives the robot.

        Raises:
            InputError: the contract has no such section.
        """
        if self.operation is None:
            raise InputError(f"robot {self.robot}: operation is missing, and without it no person can drive the robot.")
        return self.operation

    @property
    def state_dim(self) -> int:
        """S, the length of the low-dimensional observation."""
        return len(self.observation.state.quantities)

    def observed_shape(self, stream: Stream) -> tuple[int, ...]:
        """Return the shape of one observation: (S,) of the state, (H, W, C) of the camera.

        Raises:
            InputError: the contract has no camera.
        """
        if stream == "state":
            return (self.state_dim,)
        camera = self.require_camera()
        return camera.height, camera.width, CHANNELS[camera.encoding]

    def require_camera(self) -> ImageStream:
        """Return the camera.

        Raises:
            InputError: the contract has none.
        """
        if self.observation.camera is None:
            raise InputError(f"robot {self.robot}: observation.camera is missing.")
        return self.observation.camera

    def require_native(self) -> Native:
        """Return the topics that the robot already has.

        Raises:
            InputError: the contract has no such section.
        """
        if self.native is None:
            raise InputError(
                f"robot {self.robot}: native is missing, expected a section that names the robot's own topics."
            )
        return self.native

    @property
    def fleet_topics(self) -> Mapping[str, str]:
        """Types of the messages that the fleet itself publishes in the robot's namespace, by topic."""
        state, camera = self.observation.state, self.observation.camera
        types = {
            state.topic: state.type,
            self.success.topic: self.success.type,
            self.violation.topic: self.violation.type,
            self.action.topic: self.action.type,
        }
        if camera:
            types |= {camera.topic: camera.type, camera.info_topic: CAMERA_INFO}
        if self.operation:
            types[self.operation.video.topic] = self.operation.video.type
        return types

    @property
    def action_dim(self) -> int:
        """A, the length of the action."""
        return len(self.action.quantities)

    @property
    def action_low_A(self) -> NDArray[np.float64]:  # noqa: N802 - shape suffix
        """Smallest action, (A,), in the units of its quantities."""
        return np.array([quantity.low for quantity in self.action.quantities])

    @property
    def action_high_A(self) -> NDArray[np.float64]:  # noqa: N802 - shape suffix
        """Largest action, (A,), in the units of its quantities."""
        return np.array([quantity.high for quantity in self.action.quantities])

    @property
    def digest(self) -> str:
        """SHA-256, hexadecimal, of everything that a policy depends on."""
        return hashlib.sha256(json.dumps(self._digested(), sort_keys=True).encode()).hexdigest()

    def require_same(self, other_digest: str, *, owner: str) -> None:
        """Refuse something that was made for another contract.

        Args:
            other_digest: Digest of the contract that it was made for.
            owner: What was made for the other contract, such as a file.

        Raises:
            InputError: the digests differ.
        """
        if other_digest != self.digest:
            raise InputError(
                f"{owner}: contract: expected {self.digest[:12]} (robot {self.robot}: {self.state_dim} observation and "
                f"{self.action_dim} action values with their names, units and ranges), got {other_digest[:12]}."
            )

    def _digested(self) -> object:
        def dumped(quantities: tuple[Quantity, ...]) -> list[dict[str, object]]:
            return [quantity.model_dump(exclude={"meaning"}) for quantity in quantities]

        camera = self.observation.camera
        return {
            "robot": self.robot,
            "state": dumped(self.observation.state.quantities),
            "camera": camera and camera.model_dump(include={"width", "height", "encoding"}),
            "action": dumped(self.action.quantities),
            "meaning": self.action.meaning,
        }
