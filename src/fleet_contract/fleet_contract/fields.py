"""Numbers in messages of robots' own topics, picked and written by name: `position[shoulder]`, `linear.x`, `data[0]`.

F fields.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import reduce
from typing import Any, Literal, Protocol

from fleet_contract.message_types import message_class

NumericType = Literal[
    "sensor_msgs/msg/JointState",
    "geometry_msgs/msg/Twist",
    "geometry_msgs/msg/TwistStamped",
    "trajectory_msgs/msg/JointTrajectory",
    "std_msgs/msg/Float64MultiArray",
]
AXES = tuple(f"{kind}.{axis}" for kind in ("linear", "angular") for axis in "xyz")


class MessageLayout(Protocol):
    """Where a type of message has its numbers."""

    stamped: bool
    """Whether it has a header."""
    allowed: str
    """How its fields are called."""

    def knows(self, field: str) -> bool:
        """Whether there is such a field."""

    def read(self, message: Any, fields: Sequence[str]) -> list[float]:
        """Values (F,) of these fields.

        Raises:
            ValueError: the message has not got one of them.
        """

    def require_whole(self, fields: Sequence[str]) -> None:
        """Refuse fields that do not make a message.

        Raises:
            ValueError: they do not.
        """

    def fill(self, message: Any, fields: Sequence[str], values: Sequence[float], duration_s: float) -> None:
        """Write values (F,) into a new message; the motion that they describe takes `duration_s`."""


class Tree:
    """Numbers with names of their own."""

    def __init__(self, *names: str, stamped: bool) -> None:
        self.stamped = stamped
        self.allowed = ", ".join(names)
        self._names = names

    def knows(self, field: str) -> bool:
        """See `MessageLayout.knows`."""
        return field in self._names

    def read(self, message: Any, fields: Sequence[str]) -> list[float]:
        """See `MessageLayout.read`."""
        return [float(reduce(getattr, field.split("."), message)) for field in fields]

    def require_whole(self, fields: Sequence[str]) -> None:
        """What is not named stays zero."""

    def fill(self, message: Any, fields: Sequence[str], values: Sequence[float], duration_s: float) -> None:  # noqa: ARG002
        """See `MessageLayout.fill`."""
        for field, value in zip(fields, values, strict=True):
            *path, name = field.split(".")
            setattr(reduce(getattr, path, message), name, float(value))


class Array:
    """Numbers with an index: `data[0]`."""

    stamped = False
    allowed = "data[0], data[1], ..."

    def knows(self, field: str) -> bool:
        """See `MessageLayout.knows`."""
        return re.fullmatch(r"data\[\d+\]", field) is not None

    def read(self, message: Any, fields: Sequence[str]) -> list[float]:
        """See `MessageLayout.read`."""
        indices = [int(_key(field)) for field in fields]
        if max(indices) >= len(message.data):
            raise ValueError(f"found {len(message.data)} values, needed is data[{max(indices)}]")
        return [float(message.data[index]) for index in indices]

    def require_whole(self, fields: Sequence[str]) -> None:
        """See `MessageLayout.require_whole`."""
        if sorted(int(_key(field)) for field in fields) != list(range(len(fields))):
            raise ValueError(f"found {', '.join(fields)}, allowed is every index from data[0] on")

    def fill(self, message: Any, fields: Sequence[str], values: Sequence[float], duration_s: float) -> None:  # noqa: ARG002
        """See `MessageLayout.fill`."""
        by_index = dict(zip([int(_key(field)) for field in fields], values, strict=True))
        message.data = [float(by_index[index]) for index in range(len(by_index))]


class Joints:
    """Numbers of joints that the message names, in any order: `position[shoulder]`."""

    stamped = True

    def __init__(self, names: str, *parts: str) -> None:
        self.allowed = ", ".join(f"{part}[JOINT]" for part in parts)
        self._names = names
        self._parts = parts

    def knows(self, field: str) -> bool:
        """See `MessageLayout.knows`."""
        return re.fullmatch(rf"({'|'.join(self._parts)})\[[^\[\]]+\]", field) is not None

    def read(self, message: Any, fields: Sequence[str]) -> list[float]:
        """See `MessageLayout.read`."""
        joints, numbers = list(getattr(message, self._names)), self._numbers(message)
        return [self._value(joints, getattr(numbers, _part(field)), field) for field in fields]

    def require_whole(self, fields: Sequence[str]) -> None:
        """See `MessageLayout.require_whole`."""
        parts = sorted({_part(field) for field in fields})
        if len(parts) > 1:
            raise ValueError(f"found {' and '.join(parts)}, allowed is one of them for all joints")

    def fill(self, message: Any, fields: Sequence[str], values: Sequence[float], duration_s: float) -> None:
        """See `MessageLayout.fill`."""
        setattr(message, self._names, [_key(field) for field in fields])
        self._write(message, _part(fields[0]), [float(value) for value in values], duration_s)

    @staticmethod
    def _value(joints: list[str], numbers: Sequence[float], field: str) -> float:
        if _key(field) not in joints:
            raise ValueError(f"found joints {', '.join(joints)}, needed is {field}")
        index = joints.index(_key(field))
        if index >= len(numbers):
            raise ValueError(f"found {len(numbers)} values for {len(joints)} joints, needed is {field}")
        return float(numbers[index])

    def _numbers(self, message: Any) -> Any:
        return message

    def _write(self, message: Any, part: str, values: list[float], duration_s: float) -> None:  # noqa: ARG002
        setattr(message, part, values)


class Trajectory(Joints):
    """Joints of a trajectory's first point, which is to be reached after the motion's duration."""

    def _numbers(self, message: Any) -> Any:
        if not message.points:
            raise ValueError("found no points, needed is one")
        return message.points[0]

    def _write(self, message: Any, part: str, values: list[float], duration_s: float) -> None:
        point = message_class("trajectory_msgs/msg/JointTrajectoryPoint")()
        setattr(point, part, values)
        point.time_from_start.sec = int(duration_s)
        point.time_from_start.nanosec = int(duration_s % 1 * 1e9)
        message.points = [point]


LAYOUTS: dict[NumericType, MessageLayout] = {
    "sensor_msgs/msg/JointState": Joints("name", "position", "velocity", "effort"),
    "geometry_msgs/msg/Twist": Tree(*AXES, stamped=False),
    "geometry_msgs/msg/TwistStamped": Tree(*(f"twist.{axis}" for axis in AXES), stamped=True),
    "trajectory_msgs/msg/JointTrajectory": Trajectory("joint_names", "positions", "velocities"),
    "std_msgs/msg/Float64MultiArray": Array(),
}


def _part(field: str) -> str:
    return field.partition("[")[0]


def _key(field: str) -> str:
    return field.partition("[")[2].removesuffix("]")
