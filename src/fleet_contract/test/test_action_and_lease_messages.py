"""Actions and leases are the same in Python and in the messages of fleet_interfaces."""

from __future__ import annotations

from pathlib import Path

import pytest
from ament_index_python.packages import get_package_share_directory
from builtin_interfaces.msg import Time
from fleet_interfaces.msg import Lease as LeaseMessage
from fleet_interfaces.msg import RobotAction as ActionMessage
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from wire_messages import TEXT, UINT32, UINT64

from fleet_contract.action import ActionKind, ActionSource, RobotAction, action_of, fill_action
from fleet_contract.lease import Lease, LeaseKind, fill_lease, lease_of


def constants(message: str) -> dict[str, int]:
    """Return the constants in the text of a .msg file."""
    path = Path(get_package_share_directory("fleet_interfaces")) / "msg" / f"{message}.msg"
    lines = [line.split("#")[0].split() for line in path.read_text(encoding="utf-8").splitlines()]
    pairs = [words[1].split("=") for words in lines if len(words) > 1 and "=" in words[1]]
    return {name: int(value) for name, value in pairs}


def numbers(*enums) -> dict[str, int]:
    return {member.name: member.value for enum in enums for member in enum}


def test_numbers_are_those_of_the_message_files():
    assert constants("RobotAction") == numbers(ActionKind, ActionSource)
    assert constants("Lease") == numbers(LeaseKind)


@given(
    st.builds(
        RobotAction,
        tick=UINT64,
        kind=st.sampled_from(ActionKind),
        source=st.sampled_from(ActionSource),
        values=st.lists(st.floats(allow_nan=False), max_size=8).map(tuple),
        policy_version=UINT32,
        supervisor=TEXT,
        lease=UINT64,
        reason=TEXT,
    )
)
def test_an_action_survives_serialization(action):
    message = ActionMessage()
    fill_action(message, action, "robot_01", Time(sec=3, nanosec=4))
    arrived = deserialize_message(serialize_message(message), ActionMessage)
    assert action_of(arrived) == action
    assert arrived.header.frame_id == "robot_01/base_link"
    assert (arrived.header.stamp.sec, arrived.header.stamp.nanosec) == (3, 4)


@given(
    st.builds(
        Lease,
        robot=TEXT,
        supervisor=TEXT,
        token=UINT64,
        kind=st.sampled_from(LeaseKind),
        since_tick=UINT64,
        signal=TEXT,
        value=st.floats(allow_nan=False),
        threshold=st.floats(allow_nan=False),
    )
)
def test_a_lease_survives_serialization(lease):
    message = LeaseMessage()
    fill_lease(message, lease)
    assert lease_of(deserialize_message(serialize_message(message), LeaseMessage)) == lease


@given(st.integers(0, 255), st.integers(0, 255))
def test_undefined_numbers_are_refused(kind, source):
    message = ActionMessage(kind=kind, source=source)
    if kind in constants("RobotAction").values() and source in constants("RobotAction").values():
        assert (action_of(message).kind, action_of(message).source) == (kind, source)
    else:
        with pytest.raises(ValueError, match="is not a valid Action"):
            action_of(message)
    if kind in constants("Lease").values():
        assert lease_of(LeaseMessage(kind=kind)).kind == kind
    else:
        with pytest.raises(ValueError, match="is not a valid LeaseKind"):
            lease_of(LeaseMessage(kind=kind))
