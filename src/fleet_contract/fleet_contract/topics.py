"""Names of the topics and services that every fleet has, whatever its robots' contract says."""

from __future__ import annotations

from collections.abc import Iterable

ROBOT_STATES_TOPIC = "fleet/states"
"""Observations and statuses of each driver's robots, once per tick."""
POLICY_ACTIONS_TOPIC = "fleet/policy_actions"
"""Actions that the policy proposes for all robots, once per tick."""
TELEOP_ACTIONS_TOPIC = "fleet/teleop_actions"
"""Actions that humans propose for their robots."""
ACTIONS_TOPIC = "fleet/actions"
"""Actions that the gate releases, which the robots execute."""
POLICY_VERSION_TOPIC = "fleet/policy_version"
"""Checkpoint of the newest policy version."""
SIGNAL_VERSION_TOPIC = "fleet/signal_version"
"""Files of the newest versions of what computes signals."""
LEASES_TOPIC = "fleet/leases"
"""Which human has which robot, once per tick."""
EMERGENCY_STOPPED_TOPIC = "fleet/emergency_stopped"
"""Whether the gate holds all robots."""
RECORDING_TOPIC = "fleet/recording"
"""Whether the recorder is connected to every camera."""
MARKERS_TOPIC = "fleet/markers"
"""Robots, workspaces and leases as markers for Foxglove and RViz."""

DIAGNOSTICS_TOPIC = "/diagnostics"
"""Checks of every node."""
DIAGNOSTICS_AGGREGATED_TOPIC = "/diagnostics_agg"
"""All checks, grouped by subject."""
DIAGNOSTICS_TOP_LEVEL_TOPIC = "/diagnostics_toplevel_state"
"""The worst check, and all checks that are not OK."""
STATIC_TRANSFORMS_TOPIC = "/tf_static"
"""Frames of robots and cameras."""

EMERGENCY_STOP_SERVICE = "fleet/emergency_stop"
"""Holds all robots."""
EMERGENCY_STOP_RESET_SERVICE = "fleet/emergency_stop_reset"
"""Ends an emergency stop."""
FUTURES_TOPIC = "futures/compressed"
"""What a monitor expects a robot to do, as a picture, in the robot's namespace; published when an alarm begins."""
READMIT_SERVICE = "readmit"
"""Readmits an unreachable robot, in the robot's namespace."""
SUPERVISE_ACTION = "supervise"
"""Asks a human for help with a robot, in the human's namespace."""

_TOPIC_TYPES = {
    ROBOT_STATES_TOPIC: "fleet_interfaces/msg/RobotStates",
    POLICY_ACTIONS_TOPIC: "fleet_interfaces/msg/RobotActions",
    TELEOP_ACTIONS_TOPIC: "fleet_interfaces/msg/RobotActions",
    ACTIONS_TOPIC: "fleet_interfaces/msg/RobotActions",
    POLICY_VERSION_TOPIC: "fleet_interfaces/msg/PolicyVersion",
    LEASES_TOPIC: "fleet_interfaces/msg/LeaseTable",
    EMERGENCY_STOPPED_TOPIC: "std_msgs/msg/Bool",
    DIAGNOSTICS_TOPIC: "diagnostic_msgs/msg/DiagnosticArray",
}
"""Message types of the topics of the whole fleet that are recorded and displayed, without its signals."""


def signal_topic(name: str) -> str:
    """Return the topic of a signal."""
    return f"fleet/signals/{name}"


def fleet_topic_types(signals: Iterable[str]) -> dict[str, str]:
    """Return the message types of the topics of the whole fleet that are recorded and displayed.

    Args:
        signals: names of the fleet's signals.
    """
    return _TOPIC_TYPES | {signal_topic(name): "fleet_interfaces/msg/Signal" for name in signals}


def absolute_name(topic: str) -> str:
    """Return the absolute name of a topic of the whole fleet."""
    return f"/{topic.removeprefix('/')}"
