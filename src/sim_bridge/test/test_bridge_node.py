"""The bridge publishes observations, images and video of simulated robots."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import rclpy
from fleet_interfaces.msg import Observation
from sensor_msgs.msg import CompressedImage

from fleet_common.jpeg import from_jpeg
from fleet_common.observations import subscribe_to_observations
from fleet_common.qos import BEST_EFFORT_1, TRANSIENT_LOCAL_1000
from fleet_contract.fleet import Fleet, read_fleet
from sim_bridge.bridge_node import BridgeNode

CONFIG = Path(__file__).parents[3] / "launch/config"
FLEET = read_fleet(CONFIG / "block_push.yaml")
PATIENCE_S = 20.0


@pytest.fixture
def bridge(tmp_path, request):
    """A bridge of two robots."""
    contract, backend, task = request.param
    tree = FLEET.model_dump(mode="json")
    tree["robots"] = {"contract": str(CONFIG / "robots" / contract), "count": 2}
    tree["environment"] = {"backend": backend, "task": task}
    tree["supervisors"]["count"] = 1
    Fleet.model_validate(tree).write(tmp_path / "fleet.yaml")
    rclpy.init(args=["--ros-args", "-p", f"run_dir:={tmp_path}"])
    node = BridgeNode()
    yield node
    node.close()
    node.destroy_node()
    rclpy.shutdown()


def published(node, robot):
    """Return the types of the topics that the node publishes in the robot's namespace."""
    topics = node.get_publisher_names_and_types_by_node(node.get_name(), "")
    return {name.removeprefix(f"/{robot}/"): kinds for name, kinds in topics if name.startswith(f"/{robot}/")}


MAZE, CELL = ("pointbot.yaml", "numpy", "navigation"), ("push_cell.yaml", "mujoco", "block_push")
STATE_TOPICS = {"observation": ["fleet_interfaces/msg/Observation"], "status": ["fleet_interfaces/msg/RobotStatus"]}
CAMERA_TOPICS = {
    "camera/image_raw": ["sensor_msgs/msg/Image"],
    "camera/camera_info": ["sensor_msgs/msg/CameraInfo"],
    "camera/video/compressed": ["sensor_msgs/msg/CompressedImage"],
}


@pytest.mark.parametrize(
    ("bridge", "topics"), [(MAZE, STATE_TOPICS), (CELL, STATE_TOPICS | CAMERA_TOPICS)], indirect=["bridge"]
)
def test_observations_are_published_to_subscribers_and_images_only_with_cameras(bridge, topics):
    assert published(bridge, "robot_01") == published(bridge, "robot_02") == topics
    received = []
    bridge.create_subscription(Observation, "robot_02/observation", received.append, TRANSIENT_LOCAL_1000)
    until = time.monotonic() + PATIENCE_S
    while not received and time.monotonic() < until:
        rclpy.spin_once(bridge, timeout_sec=0.1)
    assert received[0].tick == 0
    assert received[0].values.tolist() == bridge._step.states_NS[1].tolist()


@pytest.mark.parametrize("bridge", [CELL], indirect=True)
def test_images_are_received_with_the_tick_of_their_observation(bridge):
    received = {}

    def on_update(_, observed):
        received.update({at.robot: (at.tick, at.observation) for at in observed})

    subscribe_to_observations(bridge, "camera", on_update, TRANSIENT_LOCAL_1000)
    until = time.monotonic() + PATIENCE_S
    while len(received) < 2 and time.monotonic() < until:
        rclpy.spin_once(bridge, timeout_sec=0.1)
    for robot, image in enumerate(bridge._driver.images()):
        assert received[robot][0] == 0
        np.testing.assert_array_equal(received[robot][1], image)


@pytest.mark.parametrize("bridge", [CELL], indirect=True)
def test_video_is_published_of_robots_with_a_subscriber(bridge, monkeypatch):
    """It has its own rate, although the robots stand still; the videos of other robots are not even rendered."""
    rendered, received = [], []
    video = bridge._driver.video
    monkeypatch.setattr(bridge._driver, "video", lambda robot: rendered.append(robot) or video(robot))
    bridge.create_subscription(CompressedImage, "robot_02/camera/video/compressed", received.append, BEST_EFFORT_1)
    until = time.monotonic() + PATIENCE_S
    while len(received) < 5 and time.monotonic() < until:
        rclpy.spin_once(bridge, timeout_sec=0.1)
    assert set(rendered) == {1}
    picture = from_jpeg(bytes(received[-1].data))
    assert np.abs(picture.astype(int) - video(1)).mean() < 4, "except for the losses of JPEG"
    stamps = [message.header.stamp.sec + message.header.stamp.nanosec * 1e-9 for message in received]
    assert np.diff(stamps).min() > 0
