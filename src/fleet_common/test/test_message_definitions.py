"""Messages are read without their packages, by the definitions that ROS 2 has installed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from fleet_interfaces.msg import LeaseTable, RobotAction
from rclpy.serialization import deserialize_message, serialize_message

from fleet_common.message_definitions import typestore_for

OURS = (
    "Lease",
    "LeaseTable",
    "Observation",
    "PolicyVersion",
    "RobotAction",
    "RobotActions",
    "RobotStates",
    "RobotStatus",
    "Signal",
    "SignalVersion",
)
STANDARD = {
    "diagnostic_msgs": "DiagnosticArray",
    "sensor_msgs": "Image",
    "std_msgs": "Bool",
    "tf2_msgs": "TFMessage",
    "visualization_msgs": "MarkerArray",
}
TYPES = {f"fleet_interfaces/msg/{name}" for name in OURS}
TYPES |= {f"{package}/msg/{name}" for package, name in STANDARD.items()}


def generated_hashes(package: str) -> dict[str, str]:
    """Type hashes that ROS 2's own generator installed with the messages of a package."""
    folder = Path(get_package_share_directory(package)) / "msg"
    pairs = [pair for file in sorted(folder.glob("*.json")) for pair in json.loads(file.read_text())["type_hashes"]]
    return {pair["type_name"]: pair["hash_string"] for pair in pairs}


def test_type_hashes_are_those_of_the_ros_2_generator():
    store = typestore_for(TYPES)
    hashes = {
        name: found for package in {"fleet_interfaces", *STANDARD} for name, found in generated_hashes(package).items()
    }
    assert hashes.keys() >= TYPES
    for name in TYPES:
        assert store.hash_rihs01(name) == hashes[name], name


def test_messages_of_ros_2_are_read_without_their_packages():
    message = LeaseTable(tick=7, signals=["uncertainty"], thresholds=[0.25], waiting=["robot_03"])
    found = typestore_for(TYPES).deserialize_cdr(serialize_message(message), "fleet_interfaces/msg/LeaseTable")
    assert (found.tick, found.signals, found.thresholds.tolist()) == (7, ["uncertainty"], [0.25])
    assert (found.waiting, found.leases) == (["robot_03"], [])


def test_messages_that_are_written_without_packages_are_read_by_ros_2():
    store = typestore_for(TYPES)
    kind = "fleet_interfaces/msg/RobotAction"
    action = RobotAction(tick=3, kind=1, source=2, supervisor="human_01", lease=9, values=[0.01, -0.02])
    sent = bytes(store.serialize_cdr(store.deserialize_cdr(serialize_message(action), kind), kind))
    assert deserialize_message(sent, RobotAction) == action


def test_standard_types_need_no_package():
    assert "sensor_msgs/msg/Image" in typestore_for({"sensor_msgs/msg/Image"}).types


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a package of messages."""

    def add(package: str, **messages: str) -> None:
        (tmp_path / "share/ament_index/resource_index/packages").mkdir(parents=True, exist_ok=True)
        (tmp_path / "share/ament_index/resource_index/packages" / package).touch()
        (tmp_path / "share" / package / "msg").mkdir(parents=True)
        for name, text in messages.items():
            (tmp_path / "share" / package / "msg" / f"{name}.msg").write_text(text)

    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    return add


def test_messages_may_contain_messages_of_other_packages(install):
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
