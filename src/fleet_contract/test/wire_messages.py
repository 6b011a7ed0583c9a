"""Sends messages over the wire, and receives them as nodes and as readers of bags do."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from ament_index_python.packages import get_package_share_directory
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

STORE = get_typestore(Stores.ROS2_KILTED)
for _file in sorted((Path(get_package_share_directory("fleet_interfaces")) / "msg").glob("*.msg")):
    STORE.register(get_types_from_msg(_file.read_text(encoding="utf-8"), f"fleet_interfaces/msg/{_file.stem}"))

UINT32, UINT64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
# A string on the wire ends at its first zero.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
KNOWN = tuple(f"robot_{number:02d}" for number in range(1, 9))
ROBOTS = st.lists(st.sampled_from(KNOWN), unique=True, max_size=len(KNOWN)).map(tuple)
"""Different robots of the fleet, in any order."""


def received(message: Any) -> tuple[Any, Any]:
    """Return the message as ROS 2 delivers it and as rosbags reads it without the message's package."""
    raw = serialize_message(message)
    definition = STORE.get_msgdef(f"fleet_interfaces/msg/{type(message).__name__}")
    # Other than a publisher, serialize_message may leave unused bytes at the end, which `Typestore.deserialize_cdr` refuses.
    read_by_rosbags, _ = definition.deserialize_cdr_le(raw[4:], 0, definition.cls, STORE)
    return deserialize_message(raw, type(message)), read_by_rosbags


def stamp_of(message: Any) -> tuple[int, int]:
    return message.header.stamp.sec, message.header.stamp.nanosec


def require_same(found: Any, expected: Any, *, but: tuple[str, ...] = ()) -> None:
    """Compare the fields of two instances of a dataclass; NaN is equal to NaN."""
    assert type(found) is type(expected)
    for field in dataclasses.fields(expected):
        if field.name not in but:
            np.testing.assert_equal(getattr(found, field.name), getattr(expected, field.name), err_msg=field.name)
