"""The topics that the Foxglove server offers, with their types and how they are delivered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from fleet_contract.fleet import Fleet
from fleet_contract.robot import RobotContract
from fleet_contract.topics import (
    DIAGNOSTICS_TOPIC,
    MARKERS_TOPIC,
    STATIC_TRANSFORMS_TOPIC,
    absolute_name,
    fleet_topic_types,
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


def fleet_topics(fleet: Fleet) -> dict[str, BridgedTopic]:
    """Return the topics that exist once per fleet, by absolute name."""
    types = {absolute_name(topic): kind for topic, kind in fleet_topic_types(fleet.signal_names).items()}
    return {
        **{topic: BridgedTopic(kind) for topic, kind in types.items()},
        absolute_name(MARKERS_TOPIC): BridgedTopic("visualization_msgs/msg/MarkerArray"),
        STATIC_TRANSFORMS_TOPIC: BridgedTopic("tf2_msgs/msg/TFMessage"),
        DIAGNOSTICS_TOPIC: BridgedTopic(types[DIAGNOSTICS_TOPIC], Delivery.VOLATILE),
    }


def bridged_topics(fleet: Fleet, contract: RobotContract) -> dict[str, BridgedTopic]:
    """Return all topics by absolute name: those of the whole fleet, then each robot's."""
    per_robot = {topic: BridgedTopic(kind) for topic, kind in contract.fleet_topics.items()}
    if contract.operation:
        video = contract.operation.video
        per_robot[video.topic] = BridgedTopic(video.type, Delivery.VIDEO)
    robots = {f"/{name}/{topic}": bridged for name in fleet.robot_names for topic, bridged in per_robot.items()}
    return fleet_topics(fleet) | robots
