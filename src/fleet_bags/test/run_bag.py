"""Writes bags of a made-up run, with the faults that a test wants, using rosbags alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import get_types_from_msg

from fleet_bags.recorded_topics import recorded_topics
from fleet_common.message_definitions import typestore_for
from fleet_contract.fleet import Fleet, read_fleet

CONFIG = Path(__file__).parents[3] / "launch/config"
FLEET = read_fleet(CONFIG / "block_push.yaml")
POLICY, HUMAN = 1, 2
HOLD, MOVE, RESET = 0, 1, 2
ROBOT_STATUS = "fleet_interfaces/msg/RobotStatus"


@dataclass
class RecordedMessage:
    """A message and its receive time."""

    topic: str
    time_ns: int
    fields: dict[str, Any]


@dataclass
class MadeUpRun:
    """Robots whose numbers are functions of robot and tick; human_01 drives robot_01 from tick 4 to 6."""

    robots: int = 2
    ticks: int = 12
    seed: int = 3
    fleet: Fleet = field(init=False)

    def __post_init__(self) -> None:
        self.fleet = FLEET.with_changes(
            source="run_bag",
            robots={"count": self.robots},
            supervisors={"count": 1},
            allocation={"threshold": 0.5},
        )
        self.contract = self.fleet.contract()
        self.store = typestore_for(set(recorded_topics(self.fleet, self.contract).values()))

    def kind(self, name: str) -> Any:
        """Return the class of a message type."""
        return self.store.types[name]

    def state(self, robot: int, tick: int) -> np.ndarray:
        return np.array([robot, tick, 0.25, 0.5, 0.75, robot * tick], dtype=np.float64) / 100

    def image(self, robot: int, tick: int) -> np.ndarray:
        pixels = np.random.default_rng([robot, tick]).integers(0, 255, (96, 96, 3), dtype=np.uint8)
        pixels[0, 0] = robot, tick, 7
        return pixels

    def action(self, robot: int, tick: int) -> np.ndarray:
        return np.array([0.01 * robot + 0.001 * tick, -0.002 * tick])

    def is_human(self, robot: int, tick: int) -> bool:
        return robot == 0 and 4 <= tick <= 6

    def episode(self, tick: int) -> int:
        """Return the episode at a tick; a new one begins at tick 5, because the action of tick 4 completed the task."""
        return int(tick >= 5)

    def messages(self) -> list[RecordedMessage]:
        """Return all messages in the order of a run in lockstep."""
        messages = []
        for tick in range(self.ticks + 1):
            now = 10**9 * (100 + tick)
            header = self.header(now)
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
                    "unreachable": "",
                    "resting": tick == self.ticks,
                }
                messages.append(RecordedMessage(f"/{name}/status", now, status))
                if tick == self.ticks:
                    continue
                pixels = self.image(robot, tick)
                image = {
                    "header": header,
                    "height": 96,
                    "width": 96,
                    "encoding": "rgb8",
                    "is_bigendian": 0,
                    "step": 96 * 3,
                    "data": pixels.ravel(),
                }
                observation = {
                    "header": header,
                    "tick": tick,
                    "episode": self.episode(tick),
                    "values": self.state(robot, tick),
                }
                messages += [
                    RecordedMessage(f"/{name}/camera/image_raw", now + 1, image),
                    RecordedMessage(f"/{name}/observation", now + 2, observation),
                    RecordedMessage(f"/{name}/policy_action", now + 3, self.action_fields(header, robot, tick, POLICY)),
                ]
                if self.is_human(robot, tick):
                    messages.append(
                        RecordedMessage(
                            f"/{name}/teleop_action", now + 5, self.action_fields(header, robot, tick, HUMAN)
                        )
                    )
                source = HUMAN if self.is_human(robot, tick) else POLICY
                messages.append(
                    RecordedMessage(f"/{name}/action", now + 6, self.action_fields(header, robot, tick, source))
                )
            if tick == self.ticks:
                break
            report = {
                "header": header,
                "tick": tick,
                "policy_version": 1,
                "robots": list(self.fleet.robot_names),
                "uncertainties": np.array([robot + tick / 10 for robot in range(self.robots)]),
                "standard_errors": np.zeros(self.robots),
                "decision_s": 0.1,
            }
            table = {
                "header": header,
                "tick": tick,
                "threshold": 0.5,
                "leases": [self.lease()] if self.is_human(0, tick) else [],
                "waiting": [],
            }
            messages += [
                RecordedMessage("/fleet/policy_report", now + 3, report),
                RecordedMessage("/fleet/leases", now + 4, table),
            ]
        return messages

    def header(self, now_ns: int) -> Any:
        stamp = self.kind("builtin_interfaces/msg/Time")(sec=now_ns // 10**9, nanosec=now_ns % 10**9)
        return self.kind("std_msgs/msg/Header")(stamp=stamp, frame_id="")

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
            "values": self.action(robot, tick) + (0.01 if human else 0.0),
            "reason": "",
        }

    def fleet_tree(self, fleet: Fleet) -> dict[str, Any]:
        """Return the content of the fleet file in the bag."""
        tree: dict[str, Any] = fleet.model_dump(mode="json")
        return tree

    def write(
        self,
        folder: Path,
        change: Callable[[list[RecordedMessage]], list[RecordedMessage]] = lambda messages: messages,
        *,
        without: str = "",
        fleet: Fleet | None = None,
    ) -> Path:
        """Write a bag of the messages as `change` returns them, without the topic of that name."""
        writer = Writer(folder / "bag", version=9, storage_plugin=StoragePlugin.MCAP)
        writer.set_custom_data("fleet", yaml.safe_dump(self.fleet_tree(fleet or self.fleet)))
        writer.set_custom_data("contract", self.contract.model_dump_json())
        writer.set_custom_data("contract_digest", self.contract.digest)
        writer.set_custom_data("seed", str(self.seed))
        topics = recorded_topics(self.fleet, self.contract)
        with writer:
            connections = {
                topic: writer.add_connection(topic, kind, typestore=self.store)
                for topic, kind in topics.items()
                if topic != without
            }
            for message in change(self.messages()):
                if message.topic in connections:
                    kind = topics[message.topic]
                    raw = self.store.serialize_cdr(self.kind(kind)(**message.fields), kind)
                    writer.write(connections[message.topic], message.time_ns, bytes(raw))
        return folder


@dataclass
class RunOfVersion010(MadeUpRun):
    """The same run as version 0.1.0 recorded it: some keys and a field of RobotStatus had other names."""

    def __post_init__(self) -> None:
        super().__post_init__()
        definition, _ = self.store.generate_msgdef(ROBOT_STATUS, ros_version=2)
        own_part = definition.split("=" * 80)[0].replace("string unreachable", "string absent")
        del self.store.types[ROBOT_STATUS], self.store.fielddefs[ROBOT_STATUS]
        self.store.register(get_types_from_msg(own_part, ROBOT_STATUS))

    def messages(self) -> list[RecordedMessage]:
        messages = super().messages()
        for message in messages:
            if message.topic.endswith("/status"):
                message.fields["absent"] = message.fields.pop("unreachable")
        return messages

    def fleet_tree(self, fleet: Fleet) -> dict[str, Any]:
        tree = super().fleet_tree(fleet)
        for name in ("sampler", "iterations"):
            tree["pretraining"][f"counter_{name}"] = tree["pretraining"].pop(f"counter_example_{name}")
        return tree
