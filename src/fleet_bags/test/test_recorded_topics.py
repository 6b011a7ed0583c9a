"""Bags hold the topics of the whole fleet, and the images of its robots."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_bags.recorded_topics import IMAGE_TYPES, recorded_topics
from fleet_common.message_definitions import typestore_for
from fleet_contract.fleet import read_fleet

FLEET = read_fleet(Path(__file__).parents[3] / "launch/config/block_push.yaml")
CONTRACT = FLEET.contract()


def test_every_recorded_type_has_a_definition():
    types = set(recorded_topics(FLEET, CONTRACT).values())
    assert types <= typestore_for(types).types.keys()


FLEET_TOPICS = {
    "/fleet/states": "fleet_interfaces/msg/RobotStates",
    "/fleet/policy_actions": "fleet_interfaces/msg/RobotActions",
    "/fleet/teleop_actions": "fleet_interfaces/msg/RobotActions",
    "/fleet/actions": "fleet_interfaces/msg/RobotActions",
    "/fleet/signals/uncertainty": "fleet_interfaces/msg/Signal",
    "/fleet/policy_version": "fleet_interfaces/msg/PolicyVersion",
    "/fleet/leases": "fleet_interfaces/msg/LeaseTable",
    "/fleet/emergency_stopped": "std_msgs/msg/Bool",
    "/diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
}


@pytest.mark.parametrize("robots", [2, 4, 120])
def test_the_cameras_of_every_robot_and_the_topics_of_the_fleet_are_recorded_once(robots):
    fleet = FLEET.model_copy(update={"robots": FLEET.robots.model_copy(update={"count": robots})})
    cameras = {
        f"/{name}/camera/{topic}": kind
        for name in fleet.robot_names
        for topic, kind in {"image_raw": "sensor_msgs/msg/Image", "camera_info": "sensor_msgs/msg/CameraInfo"}.items()
    }
    assert recorded_topics(fleet, CONTRACT) == cameras | FLEET_TOPICS
    assert len(cameras) == 2 * robots


def test_images_of_a_replay_are_in_the_replayed_bag():
    environment = FLEET.environment.model_copy(update={"backend": "replay", "bag": Path("bag")})
    assert recorded_topics(FLEET.model_copy(update={"environment": environment}), CONTRACT) == FLEET_TOPICS


def test_robots_without_camera_have_no_image_topics():
    observation = CONTRACT.observation.model_copy(update={"camera": None})
    blind = CONTRACT.model_copy(update={"observation": observation})
    all_topics = recorded_topics(FLEET, CONTRACT)
    seen = {topic: kind for topic, kind in all_topics.items() if kind not in IMAGE_TYPES}
    assert recorded_topics(FLEET, blind) == seen
    assert len(all_topics) - len(seen) == 2 * FLEET.robots.count


def test_topics_follow_the_contract_and_images_are_recognized():
    camera = CONTRACT.observation.camera.model_copy(
        update={"topic": "eye/left/image", "type": "sensor_msgs/msg/CompressedImage"}
    )
    observation = CONTRACT.observation.model_copy(update={"camera": camera})
    topics = recorded_topics(FLEET, CONTRACT.model_copy(update={"observation": observation}))
    assert topics["/robot_03/eye/left/image"] == "sensor_msgs/msg/CompressedImage"
    assert topics["/robot_03/eye/left/camera_info"] == "sensor_msgs/msg/CameraInfo"
    assert {kind for topic, kind in topics.items() if "eye" in topic} <= IMAGE_TYPES
    assert "/robot_03/camera/image_raw" not in topics
