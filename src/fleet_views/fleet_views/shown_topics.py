"""Which topics of a fleet Foxglove is offered, of what type they are, and how they are delivered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from fleet_contract.fleet import Fleet
from fleet_contract.robot import PROPOSED_ACTION_TOPICS, RobotContract


class Delivery(Enum):
    """How the messages of a topic come."""

    KEPT = auto()
    """Reliable; who comes late gets the last ones first."""
    REPEATED = auto()
    """Reliable and said again and again; who comes late waits for the next."""
    VIDEO = auto()
    """The newest picture, or nothing."""


@dataclass(frozen=True)
class Viewed:
    """A topic that can be looked at."""

    type: str
    """package/msg/Name."""
    delivery: Delivery = Delivery.KEPT


OF_THE_FLEET = {
    "/fleet/policy_report": Viewed("fleet_interfaces/msg/PolicyReport"),
    "/fleet/policy_version": Viewed("fleet_interfaces/msg/PolicyVersion"),
    "/fleet/leases": Viewed("fleet_interfaces/msg/LeaseTable"),
    "/fleet/emergency_stopped": Viewed("std_msgs/msg/Bool"),
    "/fleet/markers": Viewed("visualization_msgs/msg/MarkerArray"),
    "/tf_static": Viewed("tf2_msgs/msg/TFMessage"),
    "/diagnostics": Viewed("diagnostic_msgs/msg/DiagnosticArray", Delivery.REPEATED),
}


def viewed_topics(fleet: Fleet, contract: RobotContract) -> dict[str, Viewed]:
    """All topics by their absolute names: those of the whole fleet, then each robot's."""
    state, camera, operation = contract.observation.state, contract.observation.camera, contract.operation
    per_robot = {
        state.topic: Viewed(state.type),
        contract.success.topic: Viewed(contract.success.type),
        contract.violation.topic: Viewed(contract.violation.type),
        contract.action.topic: Viewed(contract.action.type),
        **{topic: Viewed(contract.action.type) for topic in PROPOSED_ACTION_TOPICS},
    }
    if camera:
        per_robot |= {camera.topic: Viewed(camera.type), camera.info_topic: Viewed("sensor_msgs/msg/CameraInfo")}
    if operation:
        per_robot[operation.video.topic] = Viewed(operation.video.type, Delivery.VIDEO)
    robots = {f"/{name}/{topic}": viewed for name in fleet.robot_names for topic, viewed in per_robot.items()}
    return OF_THE_FLEET | robots
