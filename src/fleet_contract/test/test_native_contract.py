"""What a robot's own topics cannot be made into is refused in one sentence when the contract is read."""

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
    """The two actions are places of joints."""
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
    ("changes", "said"),
    [
        (
            [((*STATE, "type"), "nav_msgs/msg/Odometry")],
            (
                "native.state.0.type: found 'nav_msgs/msg/Odometry', Input should be 'sensor_msgs/msg/JointState', "
                "'geometry_msgs/msg/Twist', 'geometry_msgs/msg/TwistStamped', 'trajectory_msgs/msg/JointTrajectory' or "
                "'std_msgs/msg/Float64MultiArray'."
            ),
        ),
        (
            [((*AHEAD, "field"), "values[0]")],
            (
                "native.state.0: quantities.beacon_ahead.field: found values[0], allowed in std_msgs/msg/Float64MultiArray: "
                "data[0], data[1], ...."
            ),
        ),
        (
            [((*SPEED, "field"), "twist.linear.x")],
            (
                "native.action: quantities.speed.field: found twist.linear.x, allowed in geometry_msgs/msg/Twist: linear.x, "
                "linear.y, linear.z, angular.x, angular.y, angular.z."
            ),
        ),
        (
            [((*SPEED, "field"), "angular.z")],
            "native.action: quantities.turn.field: found angular.z, allowed is another one than speed has.",
        ),
        (
            [((*AHEAD, "unit"), "deg")],
            "native.state.quantities.beacon_ahead.unit: found unit 'deg', allowed for a quantity in 'm': m, cm, mm, km.",
        ),
        (
            [((*SPEED, "unit"), "m")],
            "native.action.quantities.speed.unit: found unit 'm', allowed for a quantity in 'm/s': m/s, cm/s, mm/s, km/h.",
        ),
        (
            [(AHEAD, MISSING)],
            (
                "native.state: quantity beacon_ahead is missing, allowed is one number for each of beacon_ahead, beacon_left, "
                "range_left_60, range_left_30, range_ahead, range_right_30, range_right_60."
            ),
        ),
        (
            [((*ACTION, "quantities", "turn"), MISSING)],
            "native.action: quantity turn is missing, allowed is one number for each of speed, turn.",
        ),
        (
            [((*ACTION, "quantities", "lift"), {"field": "linear.z", "unit": "m/s"})],
            "native.action: found quantity 'lift', allowed are speed, turn.",
        ),
        (
            [(("native", "state", 1, "quantities", "beacon_left"), {"field": "data[9]", "unit": "m"})],
            "native.state: found quantity 'beacon_left' 2 times, allowed is once.",
        ),
        (
            [((*STATE, "align", "rule"), "tick")],
            "native.state.0: align.rule: found tick, allowed are hold, nearest, gap: a robot's own topics carry no tick.",
        ),
        (
            [((*STATE, "align", "timeline"), "header")],
            "native.state.0: align.timeline: found header, allowed is receive: messages of this type have no header.",
        ),
        (
            [((*STATE, "align", "tolerance_s"), 0.0)],
            "native.state.0: align.tolerance_s: found 0.0, allowed with rule gap: more than 0.",
        ),
        (
            [(("native", "success", "align", "tolerance_s"), 0.5)],
            "native.success: align.tolerance_s: found 0.5, allowed with rule hold: none.",
        ),
        (
            [((*STATE, "topic"), "/robot_01/beacon")],
            "native.state.0.topic: found '/robot_01/beacon', String should match pattern",
        ),
        (
            [((*STATE, "topic"), "sonar")],
            "native: found topic sonar 2 times, allowed is once.",
        ),
        (
            [((*ACTION, "topic"), "action")],
            "native: found topic action, which the fleet itself publishes; allowed is another one.",
        ),
        (
            [(("native", "camera", "topic"), "camera/image_raw")],
            "native: found topic camera/image_raw, which the fleet itself publishes; allowed is another one.",
        ),
        (
            [(("native", "camera", "type"), "sensor_msgs/msg/PointCloud2")],
            (
                "native.camera.type: found 'sensor_msgs/msg/PointCloud2', Input should be 'sensor_msgs/msg/Image' or "
                "'sensor_msgs/msg/CompressedImage'."
            ),
        ),
        (
            [(("observation", "camera", "encoding"), "16UC1")],
            "observation.camera.encoding: found '16UC1', Input should be 'rgb8', 'bgr8' or 'mono8'.",
        ),
        (
            [(("observation", "camera", "width"), 0)],
            "observation.camera.width: found 0, Input should be greater than 0.",
        ),
        (
            [(("native", "camera"), MISSING)],
            "native.camera is missing, and observation.camera shows it.",
        ),
        (
            [(("native", "camera"), MISSING), (("observation", "camera"), MISSING)],
            "native.camera is missing, and operation.video shows it.",
        ),
        (
            [(("action", "meaning"), "displacement")],
            "native.action: found action.meaning displacement, allowed are twist, joint_position.",
        ),
        (
            [((*SPEED, "measured"), "beacon_ahead")],
            (
                "native.action.quantities.speed.measured: found beacon_ahead, allowed with action.meaning twist is none: it holds "
                "by zero."
            ),
        ),
        (
            joints(measured=None),
            (
                "native.action.quantities.speed.measured: found None, allowed are quantities in 'm': beacon_ahead, beacon_left, "
                "range_left_60,"
            ),
        ),
        (
            joints(part="velocity"),
            "native.action: found position and velocity, allowed is one of them for all joints.",
        ),
        (
            [
                ((*ACTION, "type"), "std_msgs/msg/Float64MultiArray"),
                ((*SPEED, "field"), "data[0]"),
                ((*ACTION, "quantities", "turn", "field"), "data[2]"),
            ],
            "native.action: found data[0], data[2], allowed is every index from data[0] on.",
        ),
        (
            [
                (("native", part, *index, "align"), {"rule": "hold", "timeline": "receive"})
                for part, index in (("state", (0,)), ("state", (1,)), ("camera", ()), ("violation", ()))
            ],
            (
                "native: found rule hold for every topic, allowed is gap or nearest for at least one: nobody would notice that "
                "the robot is lost."
            ),
        ),
        ([(("native", "gripper"), {})], "unknown key native.gripper, allowed here: action, camera, hard_reset, state,"),
        (
            [(("native", "hard_reset", "type"), "std_srvs/srv/Trigger")],
            "native.hard_reset.type: found 'std_srvs/srv/Trig",
        ),
        ([((*ACTION, "rate_hz"), 0)], "native.action.rate_hz: found 0, Input should be greater than or equal to 1."),
    ],
)
def test_what_cannot_be_translated_is_refused(changes, said):
    with pytest.raises(InputError) as caught:
        with_change(*changes)
    assert str(caught.value).startswith(f"robot.yaml: {said}"), str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_places_of_joints_hold_where_they_are_measured():
    assert with_change(*joints()).require_native().action.quantities["speed"].measured == "beacon_ahead"


def test_policies_do_not_depend_on_how_the_robot_is_reached():
    robot = contract(TREE)
    assert with_change((("native",), MISSING)).digest == robot.digest
    assert with_change(((*AHEAD, "unit"), "cm")).digest == robot.digest


def test_a_file_that_was_written_reads_back_equal():
    robot = contract(TREE)
    assert contract(robot.model_dump(mode="json")) == robot


def test_a_robot_without_topics_of_its_own_says_so_when_somebody_wants_them():
    with pytest.raises(InputError, match=r"^robot mobile_base: native is missing, allowed is a section that names"):
        _ = with_change((("native",), MISSING)).require_native()
