"""Lists the topics of a fleet that are recorded."""

from __future__ import annotations

from fleet_contract.fleet import Fleet
from fleet_contract.robot import CAMERA_INFO, RobotContract
from fleet_contract.topics import FUTURES_TOPIC, SIGNAL_VERSION_TOPIC, absolute_name, fleet_topic_types

IMAGE_TYPES = {"sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage", CAMERA_INFO}
"""Types of the topics whose publishers store few messages."""


def recorded_topics(fleet: Fleet, contract: RobotContract) -> dict[str, str]:
    """Return the message type of every recorded topic by its absolute name: the cameras', monitors' pictures, and those of the fleet.

    Videos for operators are not recorded, and neither are images of a replay, which are in the replayed bag. The other topics in
    the robots' namespaces hold nothing that the topics of the whole fleet do not.
    """
    camera = contract.observation.camera
    per_robot = {}
    if camera and fleet.environment.bag is None:
        per_robot = {camera.topic: camera.type, camera.info_topic: CAMERA_INFO}
    if camera and fleet.signals:
        per_robot[FUTURES_TOPIC] = "sensor_msgs/msg/CompressedImage"
    topics = {f"/{name}/{topic}": kind for name in fleet.robot_names for topic, kind in per_robot.items()}
    if any(selection.learns for selection in fleet.signals):
        topics[absolute_name(SIGNAL_VERSION_TOPIC)] = "fleet_interfaces/msg/SignalVersion"
    return topics | {absolute_name(topic): kind for topic, kind in fleet_topic_types(fleet.signal_names).items()}
