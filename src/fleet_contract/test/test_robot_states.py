"""States of many robots are the same before and after the wire, and those that do not fit are refused in one sentence."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from fleet_interfaces.msg import RobotStates as StatesMessage
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from wire_messages import KNOWN, ROBOTS, TEXT, UINT32, UINT64, received, require_same, stamp_of

from fleet_contract.robot import RobotContract
from fleet_contract.robot_states import RobotStates, fill_robot_states, robot_states_of
from fleet_contract.validation import read_yaml

CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/push_cell.yaml", RobotContract)
STATE_DIM = CONTRACT.state_dim
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def robot_states(draw) -> RobotStates:
    """Return states in which robots that are not observed have no values."""
    robots = draw(ROBOTS)
    count = len(robots)
    resting = draw(st.booleans())
    unreachable = tuple(draw(st.lists(st.just("") | TEXT, min_size=count, max_size=count)))
    states_NS = draw(arrays(np.float64, (count, STATE_DIM), elements=FINITE))
    states_NS[[resting or bool(reason) for reason in unreachable]] = math.nan
    counters = arrays(np.int64, count, elements=UINT32)
    flags = arrays(np.bool_, count)
    return RobotStates(
        tick=draw(UINT64),
        stamp=Time(sec=draw(st.integers(0, 2**31 - 1)), nanosec=draw(st.integers(0, 10**9 - 1))),
        robots=robots,
        states_NS=states_NS,
        episodes_N=draw(counters),
        violated_N=draw(flags),
        succeeded_N=draw(flags),
        rewards_N=draw(arrays(np.float64, count, elements=FINITE)),
        successes_N=draw(counters),
        hard_resets_N=draw(counters),
        unreachable=unreachable,
        resting=resting,
    )


@given(robot_states())
def test_states_survive_serialization(states):
    message = StatesMessage()
    fill_robot_states(message, states)
    for arrived in received(message):
        found = robot_states_of(arrived, CONTRACT, KNOWN)
        require_same(found, states, but=("stamp",))
        assert stamp_of(arrived) == (found.stamp.sec, found.stamp.nanosec) == (states.stamp.sec, states.stamp.nanosec)


@given(robot_states())
def test_robots_are_observed_unless_they_are_unreachable_or_rest(states):
    present = [index for index, reason in enumerate(states.unreachable) if reason == "" and not states.resting]
    assert states.observed == present


def two_robots(**changes) -> StatesMessage:
    fields = {
        "robots": ["robot_02", "robot_01"],
        "episodes": [0, 1],
        "values": [0.5] * (2 * STATE_DIM),
        "violated": [False, True],
        "succeeded": [False, False],
        "rewards": [0.0, 1.0],
        "successes": [0, 1],
        "hard_resets": [0, 0],
        "unreachable": ["", ""],
    }
    return StatesMessage(**fields | changes)


def test_the_messages_of_these_tests_are_valid_without_a_change():
    for arrived in received(two_robots()):
        assert robot_states_of(arrived, CONTRACT, KNOWN).robots == ("robot_02", "robot_01")


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"robots": ["robot_02", "robot_99"]}, "robots: expected different robots of this fleet, got ['robot_99']"),
        (
            {"robots": ["robot_02", "robot_02"]},
            "robots: expected different robots of this fleet, got ['robot_02', 'robot_02']",
        ),
        *[
            ({name: values}, f"{name}: expected one entry for each of 2 robots, got {len(values)}")
            for name, values in {
                "episodes": [0],
                "violated": [True] * 3,
                "succeeded": [],
                "rewards": [0.0],
                "successes": [1, 2, 3],
                "hard_resets": [0],
                "unreachable": [""],
            }.items()
        ],
        (
            {"values": [0.5] * (2 * STATE_DIM - 1)},
            f"values: expected {STATE_DIM} for each of 2 robots, got {2 * STATE_DIM - 1}",
        ),
        ({"values": []}, f"values: expected {STATE_DIM} for each of 2 robots, got 0"),
        *[
            (
                {"values": [0.5] * (2 * STATE_DIM - 1) + [value]},
                f"values: expected finite values for robot_01, got {[0.5] * (STATE_DIM - 1) + [value]}",
            )
            for value in (math.nan, math.inf, -math.inf)
        ],
    ],
)
def test_states_that_do_not_fit_are_refused_in_one_sentence(changes, refusal):
    for arrived in received(two_robots(**changes)):
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
            robot_states_of(arrived, CONTRACT, KNOWN)
        assert str(caught.value) == refusal


@pytest.mark.parametrize("changes", [{"unreachable": ["", "link lost"]}, {"resting": True}])
def test_robots_that_are_not_observed_have_no_values(changes):
    for arrived in received(two_robots(values=[0.5] * STATE_DIM + [math.nan] * STATE_DIM, **changes)):
        states = robot_states_of(arrived, CONTRACT, KNOWN)
        assert np.isnan(states.states_NS[1]).all()
