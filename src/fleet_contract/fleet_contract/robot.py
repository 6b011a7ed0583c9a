"""The robot contract: one declaration per robot type of what it observes, how it is moved, and what its signals mean."""

from __future__ import annotations

import hashlib
import json
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from fleet_contract.alignment import Alignment
from fleet_contract.images import CHANNELS
from fleet_contract.native import Native
from fleet_contract.operation import Operation
from fleet_contract.validation import InputError, StrictModel

Stream = Literal["state", "camera"]
"""What a policy decides from."""
PROPOSED_ACTION_TOPICS = ("policy_action", "teleop_action")
"""Topics of what policy and people would do."""
DEFAULT_EXTENT_M = 1.0
"""How large a robot is shown of which nothing is known."""
Name = Field(pattern=r"^[a-z][a-z0-9_]*$")


class Quantity(StrictModel):
    """One number of an observation or action."""

    name: str = Name
    unit: str
    """SI symbol, or 1 for a pure number."""
    low: float
    """Smallest value, in `unit`."""
    high: float
    """Largest value, in `unit`."""
    meaning: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low is {self.low}, allowed is less than high ({self.high})")
        return self


class VectorStream(StrictModel):
    """A topic that carries the low-dimensional observation."""

    topic: str
    """Relative to the robot's namespace."""
    type: str
    """ROS message type, package/msg/Name."""
    field: str
    """Field of the message that holds the numbers."""
    quantities: tuple[Quantity, ...] = Field(min_length=1)
    align: Alignment


class MountingPose(StrictModel):
    """Where a frame is in robot_XX/base_link."""

    position: tuple[float, float, float]
    """x, y and z, m."""
    roll_pitch_yaw: tuple[float, float, float]
    """About the fixed axes x, y and z, one after the other, rad (REP 103)."""


class ImageStream(StrictModel):
    """A topic that carries camera images."""

    topic: str
    type: str
    width: int = Field(gt=0)
    """Columns, pixels."""
    height: int = Field(gt=0)
    """Rows, pixels."""
    encoding: Literal["rgb8", "bgr8", "mono8"]
    align: Alignment
    place: MountingPose | None = None
    """Of robot_XX/camera_optical_frame: x right, y down in the image, z ahead. None: where operation.plane is seen from."""

    @property
    def info_topic(self) -> str:
        """Topic of the camera's calibration, beside its images."""
        return self.topic.rsplit("/", 1)[0] + "/camera_info"


class ObservationSpace(StrictModel):
    """What the robot observes."""

    state: VectorStream
    camera: ImageStream | None = None
    """None: the robot has no camera."""


class ActionSpace(StrictModel):
    """How the robot is moved."""

    topic: str
    type: str
    field: str
    meaning: Literal["push_vector", "displacement", "joint_position", "joint_torque", "pose_delta", "twist"]
    quantities: tuple[Quantity, ...] = Field(min_length=1)
    hold: Literal["stay"]
    """What the robot does when it is told to hold, or is told nothing."""


class StatusFlag(StrictModel):
    """A boolean that the robot reports at every tick."""

    topic: str
    type: str
    field: str


class RobotContract(StrictModel):
    """One type of robot. Bridge, drivers, policy, gate and recorder all read it; its digest is in checkpoints and bags."""

    robot: str = Name
    rate_hz: float = Field(gt=0)
    """Ticks per second when the fleet runs in real time."""
    observation: ObservationSpace
    action: ActionSpace
    violation: StatusFlag
    """The robot is in constraint violation and needs a hard reset."""
    success: StatusFlag
    """The last action completed the task."""
    operation: Operation | None = None
    """None: people cannot drive this robot."""
    native: Native | None = None
    """None: its driver speaks the fleet's topics."""

    @model_validator(mode="after")
    def _operable(self) -> Self:
        plane = self.operation and self.operation.plane
        observed = [quantity.name for quantity in self.observation.state.quantities]
        for name in plane.observed if plane else ():
            if name not in observed:
                raise ValueError(f"operation.plane: found quantity {name!r}, allowed are {', '.join(observed)}")
        if self.operation and self.action_dim != 2:
            raise ValueError(f"operation: found {self.action_dim} action values, allowed are 2: a pointer moves both")
        for quantity in self.action.quantities if self.operation else ():
            if not quantity.low < 0 < quantity.high:
                raise ValueError(
                    f"operation: found {quantity.name} from {quantity.low} to {quantity.high}, allowed is a range "
                    "about 0: a pointer moves either way"
                )
        return self

    @model_validator(mode="after")
    def _translatable(self) -> Self:
        if self.native:
            self.native.require_fit(self)
        return self

    @property
    def extent_m(self) -> float:
        """Longer side of the robot's workspace, m; where no plane tells, EXTENT_M."""
        plane = self.operation and self.operation.plane
        if not plane:
            return DEFAULT_EXTENT_M
        (left, near), (right, far) = plane.workspace.low, plane.workspace.high
        return max(right - left, far - near)

    def require_operation(self) -> Operation:
        """How a person drives the robot.

        Raises:
            BadInput: nobody can.
        """
        if self.operation is None:
            raise InputError(f"robot {self.robot}: operation is missing, and without it no person can drive the robot.")
        return self.operation

    @property
    def state_dim(self) -> int:
        """S, the length of the low-dimensional observation."""
        return len(self.observation.state.quantities)

    def observed_shape(self, stream: Stream) -> tuple[int, ...]:
        """Of one observation: (S,) of the state, (H, W, C) of the camera.

        Raises:
            BadInput: there is no camera.
        """
        if stream == "state":
            return (self.state_dim,)
        camera = self.require_camera()
        return camera.height, camera.width, CHANNELS[camera.encoding]

    def require_camera(self) -> ImageStream:
        """The camera that there must be.

        Raises:
            BadInput: there is none.
        """
        if self.observation.camera is None:
            raise InputError(f"robot {self.robot}: observation.camera is missing.")
        return self.observation.camera

    def require_native(self) -> Native:
        """The topics that the robot already has.

        Raises:
            BadInput: the contract does not say.
        """
        if self.native is None:
            raise InputError(
                f"robot {self.robot}: native is missing, allowed is a section that names the robot's own topics."
            )
        return self.native

    @property
    def fleet_topics(self) -> frozenset[str]:
        """What the fleet itself publishes in the robot's namespace."""
        observation, operation = self.observation, self.operation
        topics = {
            observation.state.topic,
            self.action.topic,
            self.violation.topic,
            self.success.topic,
            *PROPOSED_ACTION_TOPICS,
        }
        if observation.camera:
            topics |= {observation.camera.topic, observation.camera.info_topic}
        return frozenset(topics | {operation.video.topic} if operation else topics)

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
        """sha256 over everything that a policy must agree with, hexadecimal."""
        return hashlib.sha256(json.dumps(self._essence(), sort_keys=True).encode()).hexdigest()

    def require_same(self, other_digest: str, *, owner: str) -> None:
        """Refuse something that was made for another contract.

        Raises:
            BadInput: the digests differ; `owner` names what was made for the other contract.
        """
        if other_digest != self.digest:
            raise InputError(
                f"{owner}: contract found {other_digest[:12]}, allowed is {self.digest[:12]} (robot {self.robot}: "
                f"{self.state_dim} observation and {self.action_dim} action values with their names, units and ranges)."
            )

    def _essence(self) -> object:
        def quantities(of: tuple[Quantity, ...]) -> list[dict[str, object]]:
            return [quantity.model_dump(exclude={"meaning"}) for quantity in of]

        camera = self.observation.camera
        return {
            "robot": self.robot,
            "state": quantities(self.observation.state.quantities),
            "camera": camera and camera.model_dump(include={"width", "height", "encoding"}),
            "action": quantities(self.action.quantities),
            "meaning": self.action.meaning,
        }
