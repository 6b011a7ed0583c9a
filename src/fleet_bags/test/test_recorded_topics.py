"""Bags hold every topic of the fleet."""

from __future__ import annotations

from collections import Counter
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


def declared(tree) -> dict[str, str]:
    """Return the type of every topic that a contract declares."""
    found = {tree["topic"]: tree["type"]} if "topic" in tree else {}
    for part in tree.values():
        found |= declared(part) if isinstance(part, dict) else {}
    return found


@pytest.mark.parametrize("robots", [2, 4, 120])
def test_every_topic_of_every_robot_except_the_operators_is_recorded_once(robots):
    fleet = FLEET.model_copy(update={"robots": FLEET.robots.model_copy(update={"count": robots})})
    topics = recorded_topics(fleet, CONTRACT)
    contract = declared(CONTRACT.model_dump(exclude={"operation"}))
    assert {"observation", "camera/image_raw", "action", "status"} == contract.keys()
    for name in fleet.robot_names:
        for topic, kind in contract.items():
            assert topics[f"/{name}/{topic}"] == kind
        assert topics[f"/{name}/camera/camera_info"] == "sensor_msgs/msg/CameraInfo"
    counted = Counter(topic.split("/")[1] for topic in topics)
    assert set(counted) == {*fleet.robot_names, "fleet", "diagnostics"}
    assert {counted[name] for name in fleet.robot_names} == {7}


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
