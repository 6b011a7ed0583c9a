"""Actions of many robots are the same before and after the wire, and those that do not fit are refused in one sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builtin_interfaces.msg import Time
from fleet_interfaces.msg import RobotActions as ActionsMessage
from hypothesis import given
from hypothesis import strategies as st
from wire_messages import KNOWN, ROBOTS, TEXT, UINT32, UINT64, received, stamp_of

from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.robot_actions import fill_robot_actions, robot_actions_of

ACTIONS = st.builds(
    RobotAction,
    tick=st.just(0),
    kind=st.sampled_from(ActionKind),
    source=st.sampled_from(ActionSource),
    policy_version=UINT32,
    supervisor=TEXT,
    lease=UINT64,
    reason=TEXT,
)


@st.composite
def actions_by_robot(draw) -> tuple[dict[str, RobotAction], int]:
    """Return actions of one tick by robot, and the number of values of those that move."""
    tick, action_dim = draw(UINT64), draw(st.integers(1, 7))
    values = st.lists(st.floats(allow_nan=False), min_size=action_dim, max_size=action_dim).map(tuple)
    actions = {}
    for robot in draw(ROBOTS.filter(bool)):
        action = draw(ACTIONS)
        moves = action.kind is ActionKind.MOVE
        actions[robot] = replace(action, tick=tick, values=draw(values) if moves else ())
    return actions, action_dim


@given(actions_by_robot())
def test_actions_survive_serialization(drawn):
    actions, action_dim = drawn
    message = ActionsMessage()
    fill_robot_actions(message, actions, Time(sec=3, nanosec=4), action_dim)
    assert len(message.values) == len(actions) * action_dim
    for arrived in received(message):
        found = robot_actions_of(arrived, KNOWN)
        assert found == actions
        assert list(found) == list(actions)
        assert stamp_of(arrived) == (3, 4)


def two_robots(**changes) -> ActionsMessage:
    fields = {
        "tick": 5,
        "robots": ["robot_02", "robot_01"],
        "kinds": [1, 0],
        "sources": [1, 2],
        "policy_versions": [1, 0],
        "supervisors": ["", "human_01"],
        "leases": [0, 7],
        "values": [0.1, 0.2, 0.3, 0.4],
        "reasons": ["", ""],
    }
    return ActionsMessage(**fields | changes)


def test_the_values_of_robots_that_do_not_move_are_ignored():
    for arrived in received(two_robots()):
        assert robot_actions_of(arrived, KNOWN) == {
            "robot_02": RobotAction(5, ActionKind.MOVE, ActionSource.POLICY, (0.1, 0.2), policy_version=1),
            "robot_01": RobotAction(5, ActionKind.HOLD, ActionSource.HUMAN, supervisor="human_01", lease=7),
        }


def test_a_message_without_robots_has_no_actions():
    for arrived in received(ActionsMessage()):
        assert robot_actions_of(arrived, KNOWN) == {}


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"robots": ["robot_02", "robot_99"]}, "robots: expected different robots of this fleet, got ['robot_99']"),
        (
            {"robots": ["robot_01", "robot_01"]},
            "robots: expected different robots of this fleet, got ['robot_01', 'robot_01']",
        ),
        *[
            ({name: values}, f"{name}: expected one entry for each of 2 robots, got {len(values)}")
            for name, values in {
                "kinds": [1],
                "sources": [1, 1, 1],
                "policy_versions": [],
                "supervisors": [""],
                "leases": [0, 0, 0],
                "reasons": [],
            }.items()
        ],
        ({"values": [0.1, 0.2, 0.3]}, "values: expected the same number for each of 2 robots, got 3"),
        ({"kinds": [1, 3]}, "3 is not a valid ActionKind"),
        ({"sources": [255, 1]}, "255 is not a valid ActionSource"),
    ],
)
def test_actions_that_do_not_fit_are_refused_in_one_sentence(changes, refusal):
    for arrived in received(two_robots(**changes)):
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
            robot_actions_of(arrived, KNOWN)
        assert str(caught.value) == refusal


def test_values_without_robots_are_refused():
    for arrived in received(ActionsMessage(values=[0.1])):
        with pytest.raises(ValueError, match="values: expected the same number for each of 0 robots, got 1"):
            robot_actions_of(arrived, KNOWN)


@pytest.mark.parametrize("values", [(0.1,), (0.1, 0.2, 0.3), ()])
def test_an_action_with_the_wrong_number_of_values_is_not_sent(values):
    actions = {"robot_01": RobotAction(5, ActionKind.MOVE, ActionSource.POLICY, values)}
    with pytest.raises(ValueError, match=rf"robot_01: expected 2 values, got {len(values)}"):
        fill_robot_actions(ActionsMessage(), actions, Time(), 2)
