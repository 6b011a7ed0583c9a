"""Names of the topics and services that every fleet has, whatever its robots' contract says."""

from __future__ import annotations

POLICY_ACTION_TOPIC = "policy_action"
"""Action that the policy proposes for a robot, in the robot's namespace."""
TELEOP_ACTION_TOPIC = "teleop_action"
"""Action that a human proposes for a robot, in the robot's namespace."""
PROPOSED_ACTION_TOPICS = (POLICY_ACTION_TOPIC, TELEOP_ACTION_TOPIC)
"""Actions that policy and humans propose; the gate releases one of them."""

POLICY_REPORT_TOPIC = "fleet/policy_report"
"""Uncertainties and risks of all robots, once per tick."""
POLICY_VERSION_TOPIC = "fleet/policy_version"
"""Checkpoint of the newest policy version."""
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
READMIT_SERVICE = "readmit"
"""Readmits an unreachable robot, in the robot's namespace."""
SUPERVISE_ACTION = "supervise"
"""Asks a human for help with a robot, in the human's namespace."""

FLEET_TOPIC_TYPES = {
    POLICY_REPORT_TOPIC: "fleet_interfaces/msg/PolicyReport",
    POLICY_VERSION_TOPIC: "fleet_interfaces/msg/PolicyVersion",
    LEASES_TOPIC: "fleet_interfaces/msg/LeaseTable",
    EMERGENCY_STOPPED_TOPIC: "std_msgs/msg/Bool",
    DIAGNOSTICS_TOPIC: "diagnostic_msgs/msg/DiagnosticArray",
}
"""Message types of the topics of the whole fleet that are recorded and displayed."""


def absolute_name(topic: str) -> str:
    """Return the absolute name of a topic of the whole fleet."""
    return f"/{topic.removeprefix('/')}"
