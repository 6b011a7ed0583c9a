"""Reads and writes numbers in messages by the names of their fields: `position[shoulder]`, `linear.x`, `data[0]`.

F fields.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import reduce
from typing import Any, Literal, Protocol

from typing_extensions import override

from fleet_contract.message_types import message_class

NumericType = Literal[
    "sensor_msgs/msg/JointState",
    "geometry_msgs/msg/Twist",
    "geometry_msgs/msg/TwistStamped",
    "trajectory_msgs/msg/JointTrajectory",
    "std_msgs/msg/Float64MultiArray",
]
"""Types of messages whose numbers can be quantities of a contract."""
AXES = tuple(f"{kind}.{axis}" for kind in ("linear", "angular") for axis in "xyz")


class MessageLayout(Protocol):
    """Reads and writes the numbers of one type of message."""

    stamped: bool
    """Whether the message has a header."""
    fields: str
    """Names of the message's fields, for errors."""

    def has(self, field: str) -> bool:
        """Return whether the message may have this field."""

    def read(self, message: Any, fields: Sequence[str]) -> list[float]:
        """Return the values (F,) of these fields.

        Raises:
            ValueError: the message lacks one of them.
        """

    def require_complete(self, fields: Sequence[str]) -> None:
        """Refuse fields that do not make a message.

        Raises:
            ValueError: they do not.
        """

    def fill(self, message: Any, fields: Sequence[str], values: Sequence[float], duration_s: float) -> None:
        """Write the values (F,) of these fields into a new message, whose motion takes `duration_s`."""


class NamedFields(MessageLayout):
    """Numbers with fixed names, such as `linear.x`; those that are not written stay zero."""

    def __init__(self, *names: str, stamped: bool) -> None:
        self.stamped = stamped
        self.fields = ", ".join(names)
        self._names = names

    @override
    def has(self, field: str) -> bool:
        return field in self._names

    @override
    def read(self, message: Any, fields: Sequence[str]) -> list[float]:
        return [float(reduce(getattr, field.split("."), message)) for field in fields]

    @override
    def require_complete(self, fields: Sequence[str]) -> None:
        pass

    @override
    def fill(self, message: Any, fields: Sequence[str], values: Sequence[float], duration_s: float) -> None:
        for field, value in zip(fields, values, strict=True):
            *path, name = field.split(".")
            setattr(reduce(getattr, path, message), name, float(value))


class ArrayFields(MessageLayout):
    """Numbers with an index: `data[0]`."""

    stamped = False
    fields = "data[0], data[1], ..."

    @override
    def has(self, field: str) -> bool:
        return re.fullmatch(r"data\[\d+\]", field) is not None

    @override
    def read(self, message: Any, fields: Sequence[str]) -> list[float]:
        indices = [int(_key(field)) for field in fields]
        if max(indices) >= len(message.data):
            raise ValueError(f"expected data[{max(indices)}], got {len(message.data)} values")
        return [float(message.data[index]) for index in indices]

    @override
    def require_complete(self, fields: Sequence[str]) -> None:
        if sorted(int(_key(field)) for field in fields) != list(range(len(fields))):
            raise ValueError(f"expected every index from data[0] on, got {', '.join(fields)}")

    @override
    def fill(self, message: Any, fields: Sequence[str], values: Sequence[float], duration_s: float) -> None:
        by_index = dict(zip([int(_key(field)) for field in fields], values, strict=True))
        message.data = [float(by_index[index]) for index in range(len(by_index))]


class JointFields(MessageLayout):
    """Numbers of joints that the message names, in any order: `position[shoulder]`."""

    stamped = True

    def __init__(self, names: str, *parts: str) -> None:
        """`names` is the message's field with the names of the joints, `parts` are its arrays of numbers."""
        self.fields = ", ".join(f"{part}[JOINT]" for part in parts)
        self._names = names
        self._parts = parts

    @override
    def has(self, field: str) -> bool:
        return re.fullmatch(rf"({'|'.join(self._parts)})\[[^\[\]]+\]", field) is not None

    @override
    def read(self, message: Any, fields: Sequence[str]) -> list[float]:
        joints, numbers = list(getattr(message, self._names)), self._numbers(message)
        return [self._value(joints, getattr(numbers, _part(field)), field) for field in fields]

    @override
    def require_complete(self, fields: Sequence[str]) -> None:
        parts = sorted({_part(field) for field in fields})
        if len(parts) > 1:
            raise ValueError(f"expected one of {', '.join(parts)} for all joints, got {' and '.join(parts)}")

    @override
    def fill(self, message: Any, fields: Sequence[str], values: Sequence[float], duration_s: float) -> None:
        setattr(message, self._names, [_key(field) for field in fields])
        self._write(message, _part(fields[0]), [float(value) for value in values], duration_s)

    @staticmethod
    def _value(joints: list[str], numbers: Sequence[float], field: str) -> float:
        if _key(field) not in joints:
            raise ValueError(f"expected {field}, got joints {', '.join(joints)}")
        index = joints.index(_key(field))
        if index >= len(numbers):
            raise ValueError(f"expected {field}, got {len(numbers)} values for {len(joints)} joints")
        return float(numbers[index])

    def _numbers(self, message: Any) -> Any:
        """Return the part of the message that has the arrays of numbers."""
        return message

    def _write(self, message: Any, part: str, values: list[float], duration_s: float) -> None:  # noqa: ARG002
        setattr(message, part, values)


class TrajectoryFields(JointFields):
    """Joints of a trajectory's first point, which is to be reached at the end of the motion."""

    @override
    def _numbers(self, message: Any) -> Any:
        if not message.points:
            raise ValueError("expected at least one point, got none")
        return message.points[0]

    @override
    def _write(self, message: Any, part: str, values: list[float], duration_s: float) -> None:
        point = message_class("trajectory_msgs/msg/JointTrajectoryPoint")()
        setattr(point, part, values)
        point.time_from_start.sec = int(duration_s)
        point.time_from_start.nanosec = int(duration_s % 1 * 1e9)
        message.points = [point]


LAYOUTS: dict[NumericType, MessageLayout] = {
    "sensor_msgs/msg/JointState": JointFields("name", "position", "velocity", "effort"),
    "geometry_msgs/msg/Twist": NamedFields(*AXES, stamped=False),
    "geometry_msgs/msg/TwistStamped": NamedFields(*(f"twist.{axis}" for axis in AXES), stamped=True),
    "trajectory_msgs/msg/JointTrajectory": TrajectoryFields("joint_names", "positions", "velocities"),
    "std_msgs/msg/Float64MultiArray": ArrayFields(),
}


def _part(field: str) -> str:
    """Return `position` of `position[shoulder]`."""
    return field.partition("[")[0]


def _key(field: str) -> str:
    """Return `shoulder` of `position[shoulder]`."""
    return field.partition("[")[2].removesuffix("]")
