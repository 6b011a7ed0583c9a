"""Writes bags of a made-up run as version 0.1.0 recorded it, with its own message definitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore
from run_bag import HUMAN, MOVE, POLICY, MadeUpRun, RecordedMessage

from fleet_contract.fleet import Fleet

DEFINITIONS = {
    "Lease": """
uint8 TELEOPERATE=0
uint8 HARD_RESET=1
string robot
string supervisor
uint64 token
uint8 kind
uint64 since_tick
""",
    "LeaseTable": """
std_msgs/Header header
uint64 tick
float64 threshold
Lease[] leases
string[] waiting
""",
    "Observation": """
std_msgs/Header header
uint64 tick
uint32 episode
float64[] values
""",
    "PolicyReport": """
std_msgs/Header header
uint64 tick
uint32 policy_version
string[] robots
float64[] uncertainties
float64[] standard_errors
float64 decision_s
""",
    "PolicyVersion": """
std_msgs/Header header
uint32 version
uint64 due_tick
string path
string digest
uint64 human_pairs
uint64 gradient_steps
float64 loss
float64 training_s
""",
    "RobotAction": """
uint8 HOLD=0
uint8 MOVE=1
uint8 HARD_RESET=2
uint8 NOBODY=0
uint8 POLICY=1
uint8 HUMAN=2
std_msgs/Header header
uint64 tick
uint8 kind
uint8 source
uint32 policy_version
string supervisor
uint64 lease
float64[] values
string reason
""",
    "RobotStatus": """
std_msgs/Header header
uint64 tick
uint32 episode
bool violated
bool succeeded
float64 reward
uint32 successes
uint32 hard_resets
string absent
bool resting
""",
}
"""The message definitions of version 0.1.0."""

ROBOT_TOPICS = {
    "observation": "fleet_interfaces/msg/Observation",
    "status": "fleet_interfaces/msg/RobotStatus",
    "camera/image_raw": "sensor_msgs/msg/Image",
    "camera/camera_info": "sensor_msgs/msg/CameraInfo",
    "policy_action": "fleet_interfaces/msg/RobotAction",
    "teleop_action": "fleet_interfaces/msg/RobotAction",
    "action": "fleet_interfaces/msg/RobotAction",
}
FLEET_TOPICS = {
    "/fleet/policy_report": "fleet_interfaces/msg/PolicyReport",
    "/fleet/policy_version": "fleet_interfaces/msg/PolicyVersion",
    "/fleet/leases": "fleet_interfaces/msg/LeaseTable",
    "/fleet/emergency_stopped": "std_msgs/msg/Bool",
    "/diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
}


@dataclass
class RunOfVersion010(MadeUpRun):
    """The same run as version 0.1.0 recorded it: every robot has topics of its own, and some keys and fields other names."""

    def typestore(self) -> Typestore:
        store = get_typestore(Stores.ROS2_KILTED)
        for name, definition in DEFINITIONS.items():
            store.register(get_types_from_msg(definition, f"fleet_interfaces/msg/{name}"))
        return store

    def topics(self) -> dict[str, str]:
        names = self.fleet.robot_names
        return {f"/{name}/{topic}": kind for name in names for topic, kind in ROBOT_TOPICS.items()} | FLEET_TOPICS

    def tick_messages(self, now: int, header: Any, tick: int) -> list[RecordedMessage]:
        messages = []
        for robot, name in enumerate(self.fleet.robot_names):
            status = {
                "header": header,
                "tick": tick,
                "episode": self.episode(tick),
                "violated": False,
                "succeeded": tick == 5,
                "reward": float(tick == 5),
                "successes": self.episode(tick),
                "hard_resets": 0,
                "absent": "",
                "resting": tick == self.ticks,
            }
            messages.append(RecordedMessage(f"/{name}/status", now, status))
            if tick == self.ticks:
                continue
            observation = {
                "header": header,
                "tick": tick,
                "episode": self.episode(tick),
                "values": self.state(robot, tick),
            }
            proposed = self.action_fields(header, robot, tick, POLICY)
            human = self.action_fields(header, robot, tick, HUMAN)
            messages += [
                RecordedMessage(f"/{name}/observation", now + 2, observation),
                RecordedMessage(f"/{name}/policy_action", now + 3, proposed),
            ]
            if self.is_human(robot, tick):
                messages.append(RecordedMessage(f"/{name}/teleop_action", now + 5, human))
            released = human if self.is_human(robot, tick) else proposed
            messages.append(RecordedMessage(f"/{name}/action", now + 6, dict(released)))
        if tick == self.ticks:
            return messages
        report = {
            "header": header,
            "tick": tick,
            "policy_version": 1,
            "robots": list(self.fleet.robot_names),
            "uncertainties": self.uncertainties(tick),
            "standard_errors": 0 * self.uncertainties(tick),
            "decision_s": 0.1,
        }
        table = {
            "header": header,
            "tick": tick,
            "threshold": 0.5,
            "leases": [self.lease()] if self.is_human(0, tick) else [],
            "waiting": [],
        }
        return [
            *messages,
            RecordedMessage("/fleet/policy_report", now + 3, report),
            RecordedMessage("/fleet/leases", now + 4, table),
        ]

    def lease(self) -> Any:
        return self.kind("fleet_interfaces/msg/Lease")(
            robot="robot_01", supervisor="human_01", token=7, kind=0, since_tick=4
        )

    def action_fields(self, header: Any, robot: int, tick: int, source: int) -> dict[str, Any]:
        human = source == HUMAN
        return {
            "header": header,
            "tick": tick,
            "kind": MOVE,
            "source": source,
            "policy_version": int(not human),
            "supervisor": "human_01" if human else "",
            "lease": 7 if human else 0,
            "values": self.values(robot, tick, source),
            "reason": "",
        }

    def fleet_tree(self, fleet: Fleet) -> dict[str, Any]:
        tree = super().fleet_tree(fleet)
        for name in ("sampler", "iterations"):
            tree["pretraining"][f"counter_{name}"] = tree["pretraining"].pop(f"counter_example_{name}")
        return tree
