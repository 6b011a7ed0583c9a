"""Lists the topics of a fleet that are recorded."""

from __future__ import annotations

from fleet_contract.fleet import Fleet
from fleet_contract.robot import RobotContract
from fleet_contract.topics import FLEET_TOPIC_TYPES, absolute_name

IMAGE_TYPES = {"sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/CameraInfo"}


def recorded_topics(fleet: Fleet, contract: RobotContract) -> dict[str, str]:
    """Return the message type of every recorded topic by its absolute name.

    Videos for operators are not recorded, and neither are images of a replay, which are in the replayed bag.
    """
    camera = contract.observation.camera
    excluded = {contract.operation.video.topic} if contract.operation else set()
    if camera and fleet.environment.backend == "replay":
        excluded |= {camera.topic, camera.info_topic}
    per_robot = {topic: kind for topic, kind in contract.fleet_topics.items() if topic not in excluded}
    topics = {f"/{name}/{topic}": kind for name in fleet.robot_names for topic, kind in per_robot.items()}
    return topics | {absolute_name(topic): kind for topic, kind in FLEET_TOPIC_TYPES.items()}
