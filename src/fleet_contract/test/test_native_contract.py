"""Topics that do not make the contract's observation and action are refused in one sentence when the contract is read."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, validated

PATH = Path(__file__).parents[3] / "launch/config/robots/mobile_base.yaml"
TREE = yaml.safe_load(PATH.read_text(encoding="utf-8"))
STATE, ACTION = ("native", "state", 0), ("native", "action")
AHEAD, SPEED = (*STATE, "quantities", "beacon_ahead"), (*ACTION, "quantities", "speed")
MISSING = object()


def contract(tree) -> RobotContract:
    return validated(tree, RobotContract, source="robot.yaml")


def with_change(*changes) -> RobotContract:
    tree = copy.deepcopy(TREE)
    for place, value in changes:
        at = tree
        for key in place[:-1]:
            at = at[key]
        if value is MISSING:
            del at[place[-1]]
        else:
            at[place[-1]] = value
    return contract(tree)


def joints(part="position", *, measured="beacon_ahead", unit="m"):
    """Return changes that make both actions positions of joints."""
    quantities = [{"name": name, "unit": unit, "low": -1.0, "high": 1.0} for name in ("speed", "turn")]
    return [
        (("action", "meaning"), "joint_position"),
        (("action", "quantities"), quantities),
        ((*ACTION, "type"), "sensor_msgs/msg/JointState"),
        (
            (*ACTION, "quantities"),
            {
                "speed": {"field": f"{part}[a]", "unit": unit, "measured": measured},
                "turn": {"field": "position[b]", "unit": unit, "measured": "beacon_left"},
            },
        ),
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            [((*STATE, "type"), "nav_msgs/msg/Odometry")],
            (
                "native.state.0.type: expected 'sensor_msgs/msg/JointState', "
                "'geometry_msgs/msg/Twist', 'geometry_msgs/msg/TwistStamped', 'trajectory_msgs/msg/JointTrajectory' or "
                "'std_msgs/msg/Float64MultiArray', got 'nav_msgs/msg/Odometry'."
            ),
        ),
        (
            [((*AHEAD, "field"), "values[0]")],
            (
                "native.state.0.quantities.beacon_ahead.field: expected a field of std_msgs/msg/Float64MultiArray "
                "(data[0], data[1], ...), got values[0]."
            ),
        ),
        (
            [((*SPEED, "field"), "twist.linear.x")],
            (
                "native.action.quantities.speed.field: expected a field of geometry_msgs/msg/Twist (linear.x, linear.y, linear.z, "
                "angular.x, angular.y, angular.z), got twist.linear.x."
            ),
        ),
        (
            [((*SPEED, "field"), "angular.z")],
            "native.action.quantities.turn.field: expected another field than that of speed, got angular.z.",
        ),
        (
            [((*AHEAD, "unit"), "deg")],
            "native.state.quantities.beacon_ahead.unit: expected one of m, cm, mm, km for a quantity in 'm', got 'deg'.",
        ),
        (
            [((*SPEED, "unit"), "m")],
            "native.action.quantities.speed.unit: expected one of m/s, cm/s, mm/s, km/h for a quantity in 'm/s', got 'm'.",
        ),
        (
            [(AHEAD, MISSING)],
            (
                "native.state: quantity beacon_ahead is missing, expected one number for each of beacon_ahead, beacon_left, "
                "range_left_60, range_left_30, range_ahead, range_right_30, range_right_60."
            ),
        ),
        (
            [((*ACTION, "quantities", "turn"), MISSING)],
            "native.action: quantity turn is missing, expected one number for each of speed, turn.",
        ),
        (
            [((*ACTION, "quantities", "lift"), {"field": "linear.z", "unit": "m/s"})],
            "native.action: expected quantities of speed, turn, got 'lift'.",
        ),
        (
            [(("native", "state", 1, "quantities", "beacon_left"), {"field": "data[9]", "unit": "m"})],
            "native.state: expected every quantity once, got 'beacon_left' 2 times.",
        ),
        (
            [((*STATE, "align", "rule"), "tick")],
            "native.state.0.align.rule: expected hold, nearest or gap, because a robot's own topics carry no tick, got tick.",
        ),
        (
            [((*STATE, "align", "timeline"), "header")],
            "native.state.0.align.timeline: expected receive, because messages of this type have no header, got header.",
        ),
        (
            [((*STATE, "align", "tolerance_s"), 0.0)],
            "native.state.0.align.tolerance_s: expected a number greater than 0 with rule gap, got 0.0.",
        ),
        (
            [(("native", "success", "align", "tolerance_s"), 0.5)],
            "native.success.align.tolerance_s: expected no tolerance with rule hold, got 0.5.",
        ),
        (
            [((*STATE, "topic"), "/robot_01/beacon")],
            "native.state.0.topic: expected text that matches ^[A-Za-z]",
        ),
        (
            [((*STATE, "topic"), "sonar")],
            "native: expected every topic once, got sonar 2 times.",
        ),
        (
            [((*ACTION, "topic"), "action")],
            "native: expected topics other than those that the fleet itself publishes, got action.",
        ),
        (
            [(("native", "camera", "topic"), "camera/image_raw")],
            "native: expected topics other than those that the fleet itself publishes, got camera/image_raw.",
        ),
        (
            [(("native", "camera", "type"), "sensor_msgs/msg/PointCloud2")],
            (
                "native.camera.type: expected 'sensor_msgs/msg/Image' or 'sensor_msgs/msg/CompressedImage', "
                "got 'sensor_msgs/msg/PointCloud2'."
            ),
        ),
        (
            [(("observation", "camera", "encoding"), "16UC1")],
            "observation.camera.encoding: expected 'rgb8', 'bgr8' or 'mono8', got '16UC1'.",
        ),
        (
            [(("observation", "camera", "width"), 0)],
            "observation.camera.width: expected a number greater than 0, got 0.",
        ),
        (
            [(("native", "camera"), MISSING)],
            "native.camera is missing, and observation.camera needs it.",
        ),
        (
            [(("native", "camera"), MISSING), (("observation", "camera"), MISSING)],
            "native.camera is missing, and operation.video needs it.",
        ),
        (
            [(("action", "meaning"), "displacement")],
            "action.meaning: expected twist or joint_position with native.action, got displacement.",
        ),
        (
            [((*SPEED, "measured"), "beacon_ahead")],
            (
                "native.action.quantities.speed.measured: expected null with action.meaning twist, which holds by zero, "
                "got beacon_ahead."
            ),
        ),
        (
            joints(measured=None),
            (
                "native.action.quantities.speed.measured: expected a quantity in 'm' (beacon_ahead, beacon_left, range_left_60,"
            ),
        ),
        (
            joints(part="velocity"),
            "native.action: expected one of position, velocity for all joints, got position and velocity.",
        ),
        (
            [
                ((*ACTION, "type"), "std_msgs/msg/Float64MultiArray"),
                ((*SPEED, "field"), "data[0]"),
                ((*ACTION, "quantities", "turn", "field"), "data[2]"),
            ],
            "native.action: expected every index from data[0] on, got data[0], data[2].",
        ),
        (
            [
                (("native", part, *index, "align"), {"rule": "hold", "timeline": "receive"})
                for part, index in (("state", (0,)), ("state", (1,)), ("camera", ()), ("violation", ()))
            ],
            (
                "native: expected rule gap or nearest for at least one topic, or a lost robot would go unnoticed, "
                "got hold for all."
            ),
        ),
        (
            [(("native", "gripper"), {})],
            "unknown key native.gripper, expected one of action, camera, hard_reset, state,",
        ),
        (
            [(("native", "hard_reset", "type"), "std_srvs/srv/Trigger")],
            "native.hard_reset.type: expected 'std_msgs/msg/Empty', got 'std_srvs/srv/Trigger'.",
        ),
        ([((*ACTION, "rate_hz"), 0)], "native.action.rate_hz: expected a number greater than or equal to 1, got 0."),
    ],
)
def test_topics_that_do_not_fit_are_refused(changes, sentence):
    with pytest.raises(InputError) as caught:
        with_change(*changes)
    assert str(caught.value).startswith(f"robot.yaml: {sentence}"), str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_joints_hold_at_their_measured_positions():
    assert with_change(*joints()).require_native().action.quantities["speed"].measured == "beacon_ahead"


def test_the_digest_does_not_depend_on_native():
    robot = contract(TREE)
    assert with_change((("native",), MISSING)).digest == robot.digest
    assert with_change(((*AHEAD, "unit"), "cm")).digest == robot.digest


def test_a_contract_survives_writing_and_reading():
    robot = contract(TREE)
    assert contract(robot.model_dump(mode="json")) == robot


def test_a_contract_without_native_is_refused_where_it_is_needed():
    with pytest.raises(InputError, match=r"^robot mobile_base: native is missing, expected a section that names"):
        _ = with_change((("native",), MISSING)).require_native()
