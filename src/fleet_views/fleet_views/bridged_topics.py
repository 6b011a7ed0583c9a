"""The topics that the Foxglove server offers, with their types and how they are delivered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from fleet_contract.fleet import Fleet
from fleet_contract.robot import RobotContract
from fleet_contract.topics import (
    DIAGNOSTICS_TOPIC,
    EMERGENCY_STOPPED_TOPIC,
    LEASES_TOPIC,
    MARKERS_TOPIC,
    POLICY_REPORT_TOPIC,
    POLICY_VERSION_TOPIC,
    PROPOSED_ACTION_TOPICS,
    STATIC_TRANSFORMS_TOPIC,
)


class Delivery(Enum):
    """How the messages of a topic are delivered."""

    TRANSIENT_LOCAL = auto()
    """Reliably; late subscribers get the stored messages first."""
    VOLATILE = auto()
    """Reliably; the messages are published periodically, and late subscribers wait for the next."""
    VIDEO = auto()
    """The newest picture, or none."""


@dataclass(frozen=True)
class BridgedTopic:
    """A topic that clients can subscribe to."""

    type: str
    """Message type as package/msg/Name."""
    delivery: Delivery = Delivery.TRANSIENT_LOCAL


FLEET_TOPICS = {
    f"/{POLICY_REPORT_TOPIC}": BridgedTopic("fleet_interfaces/msg/PolicyReport"),
    f"/{POLICY_VERSION_TOPIC}": BridgedTopic("fleet_interfaces/msg/PolicyVersion"),
    f"/{LEASES_TOPIC}": BridgedTopic("fleet_interfaces/msg/LeaseTable"),
    f"/{EMERGENCY_STOPPED_TOPIC}": BridgedTopic("std_msgs/msg/Bool"),
    f"/{MARKERS_TOPIC}": BridgedTopic("visualization_msgs/msg/MarkerArray"),
    STATIC_TRANSFORMS_TOPIC: BridgedTopic("tf2_msgs/msg/TFMessage"),
    DIAGNOSTICS_TOPIC: BridgedTopic("diagnostic_msgs/msg/DiagnosticArray", Delivery.VOLATILE),
}
"""Topics that exist once per fleet, by absolute name."""


def bridged_topics(fleet: Fleet, contract: RobotContract) -> dict[str, BridgedTopic]:
    """Return all topics by absolute name: those of the whole fleet, then each robot's."""
    state, camera, operation = contract.observation.state, contract.observation.camera, contract.operation
    per_robot = {
        state.topic: BridgedTopic(state.type),
        contract.success.topic: BridgedTopic(contract.success.type),
        contract.violation.topic: BridgedTopic(contract.violation.type),
        contract.action.topic: BridgedTopic(contract.action.type),
        **{topic: BridgedTopic(contract.action.type) for topic in PROPOSED_ACTION_TOPICS},
    }
    if camera:
        per_robot |= {
            camera.topic: BridgedTopic(camera.type),
            camera.info_topic: BridgedTopic("sensor_msgs/msg/CameraInfo"),
        }
    if operation:
        per_robot[operation.video.topic] = BridgedTopic(operation.video.type, Delivery.VIDEO)
    robots = {f"/{name}/{topic}": bridged for name in fleet.robot_names for topic, bridged in per_robot.items()}
    return FLEET_TOPICS | robots
