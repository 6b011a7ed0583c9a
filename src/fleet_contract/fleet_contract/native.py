"""The section `native` of a robot contract: topics of a robot that already speaks ROS 2, and how they become the contract's.

Policies do not depend on it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from fleet_contract.alignment import Alignment
from fleet_contract.fields import LAYOUTS, NumericType
from fleet_contract.quantity import Quantity
from fleet_contract.units import factor
from fleet_contract.validation import StrictModel

Topic = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*(/[A-Za-z][A-Za-z0-9_]*)*$")]
"""Topic relative to the robot's namespace."""


class NativeNumber(StrictModel):
    """One number of a message."""

    field: str
    """Field of the message, such as `position[shoulder]`, `twist.linear.x` or `data[0]`."""
    unit: str
    """Unit of the robot's number; it is converted to the quantity's unit."""


class NativeCommand(NativeNumber):
    """One number of a command."""

    measured: str | None = None
    """Observed quantity that measures this joint. With action.meaning joint_position, the robot holds at its value."""


class NativeStream(StrictModel):
    """A topic that the robot publishes."""

    topic: Topic
    """Topic relative to the robot's namespace."""
    type: str
    """ROS message type, package/msg/Name."""
    align: Alignment
    """Rule that joins the topic's messages to ticks."""


class NativeNumbers(NativeStream):
    """A topic with quantities of the observation."""

    type: NumericType
    """ROS message type."""
    quantities: Mapping[str, NativeNumber] = Field(min_length=1)
    """Numbers of the message, by the names of the observation's quantities."""

    @model_validator(mode="after")
    def _has_fields_and_stamps(self) -> Self:
        _require_fields(self.type, self.quantities)
        _require_alignment(self.align, stamped=LAYOUTS[self.type].stamped)
        return self


class NativeCamera(NativeStream):
    """A topic with images of any size: rgb8, bgr8, rgba8, bgra8 or mono8, or compressed as JPEG or PNG."""

    type: Literal["sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"]
    """ROS message type."""

    @model_validator(mode="after")
    def _has_stamps(self) -> Self:
        _require_alignment(self.align, stamped=True)
        return self


class NativeSignal(NativeStream):
    """A topic with a boolean. With rule hold it is false until its first message."""

    type: Literal["std_msgs/msg/Bool"]
    """ROS message type."""

    @model_validator(mode="after")
    def _has_no_stamps(self) -> Self:
        _require_alignment(self.align, stamped=False)
        return self


class NativeAction(StrictModel):
    """The topic that moves the robot."""

    topic: Topic
    """Topic relative to the robot's namespace."""
    type: NumericType
    """ROS message type."""
    quantities: Mapping[str, NativeCommand] = Field(min_length=1)
    """Numbers of the message, by the names of the action's quantities; all other numbers are zero."""
    rate_hz: float = Field(ge=1, le=100)
    """Rate, Hz, at which a command is repeated while the robot moves."""
    stops_within_s: float = Field(ge=0)
    """Time, s, within which the robot stands still after a command to hold. In lockstep it is observed after this time."""

    @model_validator(mode="after")
    def _has_fields(self) -> Self:
        _require_fields(self.type, self.quantities)
        LAYOUTS[self.type].require_complete([number.field for number in self.quantities.values()])
        return self


class NativeReset(StrictModel):
    """A topic that tells the robot that a person has completed a hard reset."""

    topic: Topic
    """Topic relative to the robot's namespace."""
    type: Literal["std_msgs/msg/Empty"]
    """ROS message type."""


class Native(StrictModel):
    """The topics of a robot that already speaks ROS 2 and does not know the fleet."""

    state: tuple[NativeNumbers, ...] = Field(min_length=1)
    """Topics with the quantities of the observation."""
    camera: NativeCamera | None = None
    """Topic with camera images. None: the robot has no camera."""
    action: NativeAction
    """Topic that moves the robot."""
    success: NativeSignal | None = None
    """Topic that becomes true when an action completes the task. None: the robot does not report successes."""
    violation: NativeSignal | None = None
    """Topic that is true while the robot is in constraint violation. None: the robot does not report violations and is never
    given hard resets."""
    hard_reset: NativeReset | None = None
    """Topic that reports a completed hard reset to the robot. None: the robot notices by itself."""

    @property
    def streams(self) -> tuple[NativeStream, ...]:
        """All topics that the robot publishes."""
        return (*self.state, *(stream for stream in (self.camera, self.success, self.violation) if stream))

    def require_fit(
        self,
        *,
        observed: Sequence[Quantity],
        moved: Sequence[Quantity],
        meaning: str,
        camera_users: Iterable[str],
        fleet_topics: Collection[str],
    ) -> None:
        """Refuse topics that do not make the contract's observation and action.

        Args:
            observed: Quantities of the contract's observation.
            moved: Quantities of the contract's action.
            meaning: Meaning of the contract's action.
            camera_users: Keys of the contract that need a camera.
            fleet_topics: Topics that the fleet itself publishes in the robot's namespace.

        Raises:
            ValueError: the topics do not fit; names the key.
        """
        observed_names = [name for stream in self.state for name in stream.quantities]
        _require_quantities("native.state", observed_names, observed)
        for stream in self.state:
            _require_units("native.state", stream.quantities, observed)
        _require_quantities("native.action", list(self.action.quantities), moved)
        _require_units("native.action", self.action.quantities, moved)
        self._require_hold(observed, moved, meaning)
        for key in camera_users:
            if self.camera is None:
                raise ValueError(f"native.camera is missing, and {key} needs it")
        if all(stream.align.rule == "hold" for stream in self.streams):
            raise ValueError(
                "native: expected rule gap or nearest for at least one topic, or a lost robot would go unnoticed, "
                "got hold for all"
            )
        self._require_own_topics(fleet_topics)

    def _require_hold(self, observed: Sequence[Quantity], moved: Sequence[Quantity], meaning: str) -> None:
        """Refuse actions that cannot hold: with twist by zero velocity, with joint_position by the measured position."""
        if meaning not in {"twist", "joint_position"}:
            raise ValueError(f"action.meaning: expected twist or joint_position with native.action, got {meaning}")
        units = {quantity.name: quantity.unit for quantity in observed}
        for quantity in moved:
            measured = self.action.quantities[quantity.name].measured
            key = f"native.action.quantities.{quantity.name}.measured"
            if meaning == "twist" and measured is not None:
                raise ValueError(f"{key}: expected null with action.meaning twist, which holds by zero, got {measured}")
            if meaning == "joint_position" and units.get(measured or "") != quantity.unit:
                names = ", ".join(name for name, unit in units.items() if unit == quantity.unit)
                raise ValueError(f"{key}: expected a quantity in {quantity.unit!r} ({names}), got {measured or 'null'}")

    def _require_own_topics(self, fleet_topics: Collection[str]) -> None:
        topics = [stream.topic for stream in self.streams]
        topics += [self.action.topic, *([self.hard_reset.topic] if self.hard_reset else [])]
        for topic in topics:
            if topic in fleet_topics:
                raise ValueError(
                    f"native: expected topics other than those that the fleet itself publishes, got {topic}"
                )
            if topics.count(topic) > 1:
                raise ValueError(f"native: expected every topic once, got {topic} {topics.count(topic)} times")


def _require_alignment(align: Alignment, *, stamped: bool) -> None:
    try:
        align.require_native(stamped=stamped)
    except ValueError as error:
        raise ValueError(f"align.{error}") from None


def _require_fields(kind: NumericType, quantities: Mapping[str, NativeNumber]) -> None:
    """Refuse fields that messages of this type do not have, and fields that are used twice."""
    layout = LAYOUTS[kind]
    users: dict[str, str] = {}
    for name, number in quantities.items():
        key = f"quantities.{name}.field"
        if not layout.has(number.field):
            raise ValueError(f"{key}: expected a field of {kind} ({layout.fields}), got {number.field}")
        if number.field in users:
            raise ValueError(f"{key}: expected another field than that of {users[number.field]}, got {number.field}")
        users[number.field] = name


def _require_quantities(key: str, names: Sequence[str], quantities: Iterable[Quantity]) -> None:
    """Refuse names that are not exactly those of the quantities, each once."""
    expected = [quantity.name for quantity in quantities]
    for name in names:
        if name not in expected:
            raise ValueError(f"{key}: expected quantities of {', '.join(expected)}, got {name!r}")
        if names.count(name) > 1:
            raise ValueError(f"{key}: expected every quantity once, got {name!r} {names.count(name)} times")
    for name in expected:
        if name not in names:
            raise ValueError(
                f"{key}: quantity {name} is missing, expected one number for each of {', '.join(expected)}"
            )


def _require_units(key: str, numbers: Mapping[str, NativeNumber], quantities: Iterable[Quantity]) -> None:
    """Refuse units that cannot be converted to the quantities' units."""
    units = {quantity.name: quantity.unit for quantity in quantities}
    for name, number in numbers.items():
        try:
            factor(number.unit, units[name])
        except ValueError as error:
            raise ValueError(f"{key}.quantities.{name}.unit: {error}") from None
