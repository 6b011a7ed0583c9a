"""An arm on topics of its own, without ROS: time and messages come from the test."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from cart import CONTRACT
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from fleet_contract.robot import RobotContract
from fleet_contract.validation import validated
from robot_driver.native_robot import HOLD_S, START_S, NativeRobot
from robot_driver.topic_series import TimePoint

TICK_S = 0.1


def arm() -> RobotContract:
    """Return the contract of an arm with one position-controlled joint, in degrees on its own topics, and no camera."""
    tree = copy.deepcopy(CONTRACT)
    del tree["operation"], tree["observation"]["camera"], tree["native"]["camera"], tree["native"]["hard_reset"]
    tree["observation"]["state"]["quantities"] = [{"name": "elbow", "unit": "rad", "low": -3.0, "high": 3.0}]
    tree["action"] |= {
        "meaning": "joint_position",
        "quantities": [{"name": "elbow_to", "unit": "rad", "low": -3.0, "high": 3.0}],
    }
    joints = {"type": "sensor_msgs/msg/JointState", "align": {"rule": "gap", "timeline": "receive", "tolerance_s": 0.3}}
    tree["native"]["state"] = [
        joints | {"topic": "joint_states", "quantities": {"elbow": {"field": "position[elbow]", "unit": "deg"}}}
    ]
    tree["native"]["action"] |= {
        "topic": "joint_command",
        "type": "sensor_msgs/msg/JointState",
        "quantities": {"elbow_to": {"field": "position[elbow]", "unit": "deg", "measured": "elbow"}},
    }
    return validated(tree, RobotContract, source="arm")


class Bench:
    """An arm whose clock is advanced by the test."""

    def __init__(self, *, at_rest=True):
        self.sent = []
        self.robot = NativeRobot(
            "robot_01",
            arm(),
            lambda values_A: self.sent.append(float(values_A[0])),
            max_motion_s=TICK_S,
            observe_at_rest=at_rest,
        )
        self.now_s = 100.0
        self.robot.start(self.now)

    @property
    def now(self):
        return TimePoint(self.now_s, 1e9 + self.now_s)

    def is_at(self, rad, joint="elbow"):
        self.robot.receive(
            "joint_states", JointState(name=["x", joint], position=[0.0, float(np.degrees(rad))]), self.now
        )

    def wait(self, seconds, rad=None):
        """Advance the clock in steps of 10 ms, while the arm publishes its position."""
        for _ in range(round(seconds * 100)):
            self.now_s += 0.01
            if rad is not None:
                self.is_at(rad)
            self.robot.update(self.now)


@pytest.fixture
def bench():
    made = Bench()
    made.wait(0.1, 0.5)
    return made


def test_an_arm_moves_to_a_position_and_holds_where_it_arrives(bench):
    bench.robot.move(np.array([1.0]), bench.now)
    bench.wait(0.09, 0.8)
    assert set(bench.sent) == {1.0}
    assert len(bench.sent) == 2, "at 20 Hz"
    assert bench.robot.state(bench.now) is None, "it moves"
    bench.wait(0.02, 0.9)
    assert bench.sent[-1] == pytest.approx(0.9)
    bench.wait(0.1, 0.85)
    assert bench.sent[-1] == pytest.approx(0.9), "it does not drift with its measurements"
    assert bench.robot.state(bench.now) == pytest.approx([0.85])


def test_an_idle_arm_holds_its_present_position(bench):
    bench.robot.hold(bench.now)
    bench.wait(HOLD_S + 0.2, 0.5)
    sent = len(bench.sent)
    bench.wait(0.5, 0.1)
    assert len(bench.sent) == sent
    bench.robot.hold(bench.now)
    assert bench.sent[-1] == pytest.approx(0.1)


def test_a_lost_arm_holds_its_last_position_and_ignores_actions(bench):
    bench.robot.move(np.array([1.0]), bench.now)
    bench.wait(0.05, 0.6)
    bench.wait(0.35)
    assert bench.robot.unreachable == "no /robot_01/joint_states for 0.3 s"
    sent = list(bench.sent)
    bench.robot.move(np.array([1.0]), bench.now)
    assert bench.sent == sent
    bench.robot.readmit(bench.now)
    assert bench.robot.unreachable, "it is still silent"
    bench.wait(0.05, 0.2)
    bench.robot.readmit(bench.now)
    bench.robot.hold(bench.now)
    assert (bench.robot.unreachable, bench.sent[-1]) == ("", pytest.approx(0.2))


def test_a_suspended_process_does_not_mistake_the_robot_for_silent(bench):
    bench.now_s += 1.0
    bench.robot.update(bench.now)
    bench.wait(0.25, 0.5)
    assert not bench.robot.unreachable
    bench.now_s += 1.0
    bench.wait(0.15)
    assert bench.robot.unreachable, "its messages had time to arrive"


def test_a_joint_that_is_missing_in_the_messages_is_named():
    bench = Bench()
    for _ in range(int(START_S) + 1):
        bench.is_at(0.5, joint="wrist")
        bench.wait(1.0)
    assert (
        bench.robot.unreachable == "no /robot_01/joint_states for 0.3 s (expected position[elbow], got joints x, wrist)"
    )


def test_samples_from_before_the_robot_was_at_rest_are_not_observed(bench):
    bench.robot.hold(bench.now)
    bench.wait(0.06)
    assert bench.robot.state(bench.now) is None
    bench.is_at(0.4)
    assert bench.robot.state(bench.now) == pytest.approx([0.4])


def test_reaching_the_goal_is_a_success_and_starting_there_is_none(bench):
    for there in (True, True, False, True, True):
        bench.robot.receive("at_goal", Bool(data=there), bench.now)
    assert bench.robot.successes == 1
