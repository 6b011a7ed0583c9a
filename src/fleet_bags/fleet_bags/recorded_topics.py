"""Which topics of a fleet are recorded, and of what type they are."""

from __future__ import annotations

from fleet_contract.fleet import Fleet
from fleet_contract.robot import RobotContract

PER_ROBOT = {
    "policy_action": "fleet_interfaces/msg/RobotAction",
    "teleop_action": "fleet_interfaces/msg/RobotAction",
}
OF_THE_FLEET = {
    "fleet/policy_report": "fleet_interfaces/msg/PolicyReport",
    "fleet/policy_version": "fleet_interfaces/msg/PolicyVersion",
    "fleet/leases": "fleet_interfaces/msg/LeaseTable",
    "fleet/emergency_stopped": "std_msgs/msg/Bool",
    "diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
}
IMAGE_TYPES = {"sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/CameraInfo"}


def recorded_topics(fleet: Fleet, contract: RobotContract) -> dict[str, str]:
    """Message type of every recorded topic, by its absolute name; images of a replay are in the bag that is replayed."""
    state, camera = contract.observation.state, contract.observation.camera
    per_robot = PER_ROBOT | {
        state.topic: state.type,
        contract.action.topic: contract.action.type,
        contract.violation.topic: contract.violation.type,
        contract.success.topic: contract.success.type,
    }
    if camera is not None and fleet.environment.backend != "replay":
        per_robot |= {camera.topic: camera.type, camera.info_topic: "sensor_msgs/msg/CameraInfo"}
    topics = {f"/{name}/{topic}": kind for name in fleet.robot_names for topic, kind in per_robot.items()}
    return topics | {f"/{topic}": kind for topic, kind in OF_THE_FLEET.items()}
