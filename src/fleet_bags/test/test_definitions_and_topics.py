"""Bags hold every topic of the fleet, with the very type definitions that ROS 2 has installed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from fleet_interfaces.msg import LeaseTable, RobotAction
from rclpy.serialization import deserialize_message, serialize_message

from fleet_bags.definitions import typestore_for
from fleet_bags.topics import IMAGE_TYPES, recorded_topics
from fleet_contract.fleet import read_fleet

FLEET = read_fleet(Path(__file__).parents[3] / "launch/config/block_push.yaml")
CONTRACT = FLEET.contract()
TYPES = set(recorded_topics(FLEET, CONTRACT).values())


def generated_hashes(package: str) -> dict[str, str]:
    """Type hashes that ROS 2's own generator installed with the messages of a package."""
    folder = Path(get_package_share_directory(package)) / "msg"
    pairs = [pair for file in sorted(folder.glob("*.json")) for pair in json.loads(file.read_text())["type_hashes"]]
    return {pair["type_name"]: pair["hash_string"] for pair in pairs}


def test_type_hashes_are_those_of_ros_2s_generator():
    store = typestore_for(TYPES)
    hashes = generated_hashes("fleet_interfaces") | generated_hashes("sensor_msgs")
    hashes |= generated_hashes("diagnostic_msgs")
    hashes["std_msgs/msg/Bool"] = generated_hashes("std_msgs")["std_msgs/msg/Bool"]
    known = {name: hash_ for name, hash_ in hashes.items() if "/msg/" in name}
    assert known.keys() >= TYPES
    for name, expected in known.items():
        assert store.hash_rihs01(name) == expected, name


def test_what_ros_2_sends_is_read_without_its_packages():
    message = LeaseTable(tick=7, threshold=0.25, waiting=["robot_03"])
    found = typestore_for(TYPES).deserialize_cdr(serialize_message(message), "fleet_interfaces/msg/LeaseTable")
    assert (found.tick, found.threshold, found.waiting, found.leases) == (7, 0.25, ["robot_03"], [])


def test_what_is_written_without_them_is_read_by_ros_2():
    store = typestore_for(TYPES)
    kind = "fleet_interfaces/msg/RobotAction"
    action = RobotAction(tick=3, kind=1, source=2, supervisor="human_01", lease=9, values=[0.01, -0.02])
    sent = bytes(store.serialize_cdr(store.deserialize_cdr(serialize_message(action), kind), kind))
    assert deserialize_message(sent, RobotAction) == action


def test_types_of_ros_2_alone_need_no_package():
    assert "sensor_msgs/msg/Image" in typestore_for({"sensor_msgs/msg/Image"}).types


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Adds packages of messages to what is installed."""

    def add(package: str, **messages: str) -> None:
        (tmp_path / "share/ament_index/resource_index/packages").mkdir(parents=True, exist_ok=True)
        (tmp_path / "share/ament_index/resource_index/packages" / package).touch()
        (tmp_path / "share" / package / "msg").mkdir(parents=True)
        for name, text in messages.items():
            (tmp_path / "share" / package / "msg" / f"{name}.msg").write_text(text)

    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    return add


def test_a_robots_own_messages_may_be_made_of_those_of_other_packages(install):
    install("arm_msgs", ArmState="gripper_msgs/Gripper gripper\nstd_msgs/Header header\n")
    install("gripper_msgs", Gripper="float64 width\nfinger_msgs/Finger[2] fingers\n")
    install("finger_msgs", Finger="float64 force\n")
    store = typestore_for({"arm_msgs/msg/ArmState", "sensor_msgs/msg/Image"})
    assert store.hash_rihs01("arm_msgs/msg/ArmState").startswith("RIHS01_")
    assert "finger_msgs/msg/Finger" in store.types


def test_a_package_that_is_not_installed_is_named(install):
    install("arm_msgs", ArmState="float64 angle\n")
    with pytest.raises(PackageNotFoundError, match="hand_msgs"):
        typestore_for({"hand_msgs/msg/Hand"})


def declared(tree) -> dict[str, str]:
    """Topic and type of everything in a contract that has both."""
    found = {tree["topic"]: tree["type"]} if "topic" in tree else {}
    for part in tree.values():
        found |= declared(part) if isinstance(part, dict) else {}
    return found


@pytest.mark.parametrize("robots", [2, 4, 120])
def test_every_topic_of_every_robot_but_the_operators_is_recorded_once(robots):
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


def test_topics_follow_the_contract_and_images_are_known_as_such():
    camera = CONTRACT.observation.camera.model_copy(
        update={"topic": "eye/left/image", "type": "sensor_msgs/msg/CompressedImage"}
    )
    observation = CONTRACT.observation.model_copy(update={"camera": camera})
    topics = recorded_topics(FLEET, CONTRACT.model_copy(update={"observation": observation}))
    assert topics["/robot_03/eye/left/image"] == "sensor_msgs/msg/CompressedImage"
    assert topics["/robot_03/eye/left/camera_info"] == "sensor_msgs/msg/CameraInfo"
    assert {kind for topic, kind in topics.items() if "eye" in topic} <= IMAGE_TYPES
    assert "/robot_03/camera/image_raw" not in topics
