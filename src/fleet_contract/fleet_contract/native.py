"""The topics that a robot already has, and what of them makes an observation and an action: a part of its contract.

What policies learn from does not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from fleet_contract.alignment import Alignment
from fleet_contract.fields import LAYOUTS, NumericType
from fleet_contract.units import factor
from fleet_contract.validation import StrictModel

if TYPE_CHECKING:
    from fleet_contract.robot import Quantity, RobotContract

Topic = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*(/[A-Za-z][A-Za-z0-9_]*)*$")]
"""Relative to the robot's namespace."""


class NativeNumber(StrictModel):
    """One number of a message."""

    field: str
    """Such as `position[shoulder]`, `twist.linear.x` or `data[0]`."""
    unit: str
    """That the robot gives it in; converted to the quantity's."""


class NativeCommand(NativeNumber):
    """One number of a command."""

    measured: str | None = None
    """joint_position: the observed quantity that tells where the joint is, and at which it holds."""


class NativeStream(StrictModel):
    """A topic that the robot publishes."""

    topic: Topic
    type: str
    align: Alignment

    def require_placed(self, *, stamped: bool) -> None:
        """Refuse an alignment that messages of this type do not allow.

        Raises:
            ValueError: they do not; names the key.
        """
        if self.align.rule == "tick":
            raise ValueError(
                "align.rule: found tick, allowed are hold, nearest, gap: a robot's own topics carry no tick"
            )
        if (self.align.tolerance_s > 0) == (self.align.rule == "hold"):
            allowed = "none" if self.align.rule == "hold" else "more than 0"
            raise ValueError(
                f"align.tolerance_s: found {self.align.tolerance_s}, allowed with rule {self.align.rule}: {allowed}"
            )
        if self.align.timeline == "header" and not stamped:
            raise ValueError("align.timeline: found header, allowed is receive: messages of this type have no header")


class NativeNumbers(NativeStream):
    """A topic that quantities of the observation come from."""

    type: NumericType
    quantities: Mapping[str, NativeNumber] = Field(min_length=1)
    """By the name that the observation has for them."""

    @model_validator(mode="after")
    def _readable(self) -> Self:
        _require_fields(self.type, self.quantities)
        self.require_placed(stamped=LAYOUTS[self.type].stamped)
        return self


class NativeCamera(NativeStream):
    """A topic with pictures, of any size; rgb8, bgr8 or mono8, or compressed as JPEG or PNG."""

    type: Literal["sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"]

    @model_validator(mode="after")
    def _placed(self) -> Self:
        self.require_placed(stamped=True)
        return self


class NativeSignal(NativeStream):
    """A topic with a boolean. Before it has said anything under rule hold, it is false."""

    type: Literal["std_msgs/msg/Bool"]

    @model_validator(mode="after")
    def _placed(self) -> Self:
        self.require_placed(stamped=False)
        return self


class NativeAction(StrictModel):
    """The topic by which the robot is moved."""

    topic: Topic
    type: NumericType
    quantities: Mapping[str, NativeCommand] = Field(min_length=1)
    """By the name that the action has for them; other fields of the message are zero."""
    rate_hz: float = Field(ge=1, le=100)
    """How often a command is repeated while the robot moves."""
    stops_within_s: float = Field(ge=0)
    """How long after it was told to hold the robot stands still, and is observed in lockstep."""

    @model_validator(mode="after")
    def _writable(self) -> Self:
        _require_fields(self.type, self.quantities)
        LAYOUTS[self.type].require_whole([number.field for number in self.quantities.values()])
        return self


class NativeReset(StrictModel):
    """A topic on which the robot is told that a person has put it right."""

    topic: Topic
    type: Literal["std_msgs/msg/Empty"]


class Native(StrictModel):
    """A robot that speaks ROS 2 and knows nothing of the fleet."""

    state: tuple[NativeNumbers, ...] = Field(min_length=1)
    camera: NativeCamera | None = None
    action: NativeAction
    success: NativeSignal | None = None
    """A success is when it becomes true; None: the robot does not tell."""
    violation: NativeSignal | None = None
    """None: the robot does not tell, and nobody gives it hard resets."""
    hard_reset: NativeReset | None = None
    """None: the robot notices by itself."""

    @property
    def streams(self) -> tuple[NativeStream, ...]:
        """All that the robot publishes."""
        return (*self.state, *(stream for stream in (self.camera, self.success, self.violation) if stream))

    def require_fit(self, contract: RobotContract) -> None:
        """Refuse what does not make the contract's observation and action.

        Raises:
            ValueError: it does not.
        """
        found = [name for stream in self.state for name in stream.quantities]
        _require_each("native.state", found, contract.observation.state.quantities)
        for stream in self.state:
            _require_units("native.state", stream.quantities, contract.observation.state.quantities)
        _require_each("native.action", self.action.quantities, contract.action.quantities)
        _require_units("native.action", self.action.quantities, contract.action.quantities)
        self._require_hold(contract)
        self._require_camera(contract)
        self._require_silence_is_noticed()
        self._require_own_topics(contract)

    def _require_own_topics(self, contract: RobotContract) -> None:
        topics = [stream.topic for stream in self.streams]
        topics += [self.action.topic, *([self.hard_reset.topic] if self.hard_reset else [])]
        for topic in topics:
            if topic in contract.fleet_topics:
                raise ValueError(
                    f"native: found topic {topic}, which the fleet itself publishes; allowed is another one"
                )
            if topics.count(topic) > 1:
                raise ValueError(f"native: found topic {topic} {topics.count(topic)} times, allowed is once")

    def _require_hold(self, contract: RobotContract) -> None:
        """A robot in motion holds by standing still, one at a place by being sent to where it is."""
        meaning = contract.action.meaning
        if meaning not in {"twist", "joint_position"}:
            raise ValueError(f"native.action: found action.meaning {meaning}, allowed are twist, joint_position")
        units = {quantity.name: quantity.unit for quantity in contract.observation.state.quantities}
        for quantity in contract.action.quantities:
            measured = self.action.quantities[quantity.name].measured
            where = f"native.action.quantities.{quantity.name}.measured"
            if meaning == "twist" and measured is not None:
                raise ValueError(
                    f"{where}: found {measured}, allowed with action.meaning twist is none: it holds by zero"
                )
            if meaning == "joint_position" and units.get(measured or "") != quantity.unit:
                allowed = ", ".join(name for name, unit in units.items() if unit == quantity.unit)
                raise ValueError(f"{where}: found {measured}, allowed are quantities in {quantity.unit!r}: {allowed}")

    def _require_camera(self, contract: RobotContract) -> None:
        needing = {"observation.camera": contract.observation.camera, "operation.video": contract.operation}
        for name in [name for name, part in needing.items() if part]:
            if self.camera is None:
                raise ValueError(f"native.camera is missing, and {name} shows it")

    def _require_silence_is_noticed(self) -> None:
        if all(stream.align.rule == "hold" for stream in self.streams):
            raise ValueError(
                "native: found rule hold for every topic, allowed is gap or nearest for at least one: "
                "nobody would notice that the robot is lost"
            )


def _require_fields(kind: NumericType, quantities: Mapping[str, NativeNumber]) -> None:
    layout = LAYOUTS[kind]
    taken: dict[str, str] = {}
    for name, number in quantities.items():
        where = f"quantities.{name}.field: found {number.field}, allowed"
        if not layout.knows(number.field):
            raise ValueError(f"{where} in {kind}: {layout.allowed}")
        if number.field in taken:
            raise ValueError(f"{where} is another one than {taken[number.field]} has")
        taken[number.field] = name


def _require_each(where: str, found: Iterable[str], quantities: Iterable[Quantity]) -> None:
    names, seen = [quantity.name for quantity in quantities], list(found)
    for name in seen:
        if name not in names:
            raise ValueError(f"{where}: found quantity {name!r}, allowed are {', '.join(names)}")
        if seen.count(name) > 1:
            raise ValueError(f"{where}: found quantity {name!r} {seen.count(name)} times, allowed is once")
    for name in names:
        if name not in seen:
            raise ValueError(
                f"{where}: quantity {name} is missing, allowed is one number for each of {', '.join(names)}"
            )


def _require_units(where: str, numbers: Mapping[str, NativeNumber], quantities: Iterable[Quantity]) -> None:
    units = {quantity.name: quantity.unit for quantity in quantities}
    for name, number in numbers.items():
        try:
            factor(number.unit, units[name])
        except ValueError as error:
            raise ValueError(f"{where}.quantities.{name}.unit: {error}") from None
