"""Writes bags of a made-up run, with the faults that a test wants, using rosbags alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys.store import Typestore

from fleet_bags.recorded_topics import recorded_topics
from fleet_common.message_definitions import typestore_for
from fleet_contract.fleet import Fleet, read_fleet

CONFIG = Path(__file__).parents[3] / "launch/config"
FLEET = read_fleet(CONFIG / "block_push.yaml")
POLICY, HUMAN = 1, 2
HOLD, MOVE, RESET = 0, 1, 2


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
        self.store = self.typestore()

    def typestore(self) -> Typestore:
        """Return the definitions of the messages in the bag."""
        return typestore_for(set(self.topics().values()))

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
            header, is_last = self.header(now), tick == self.ticks
            if not is_last:
                messages += [
                    RecordedMessage(f"/{name}/camera/image_raw", now + 1, self.image_fields(header, robot, tick))
                    for robot, name in enumerate(self.fleet.robot_names)
                ]
            messages += self.tick_messages(now, header, tick)
        return messages

    def tick_messages(self, now: int, header: Any, tick: int) -> list[RecordedMessage]:
        """Return the messages of a tick except for the images; after the last tick there are only states."""
        robots, names = range(self.robots), list(self.fleet.robot_names)
        states = {
            "header": header,
            "tick": tick,
            "robots": names,
            "episodes": np.full(self.robots, self.episode(tick), np.uint32),
            "values": np.concatenate([self.state(robot, tick) for robot in robots]),
            "violated": np.zeros(self.robots, bool),
            "succeeded": np.full(self.robots, tick == 5),
            "rewards": np.full(self.robots, float(tick == 5)),
            "successes": np.full(self.robots, self.episode(tick), np.uint32),
            "hard_resets": np.zeros(self.robots, np.uint32),
            "unreachable": [""] * self.robots,
            "resting": tick == self.ticks,
        }
        if tick == self.ticks:
            states["values"] = np.full_like(states["values"], np.nan)
            return [RecordedMessage("/fleet/states", now + 2, states)]
        signal = {
            "header": header,
            "tick": tick,
            "name": "uncertainty",
            "provider": "policy",
            "version": 1,
            "unit": "nats",
            "robots": names,
            "values": self.uncertainties(tick),
            "standard_errors": np.zeros(self.robots),
            "threshold": np.nan,
        }
        table = {
            "header": header,
            "tick": tick,
            "signals": ["uncertainty"],
            "thresholds": np.array([0.5]),
            "leases": [self.lease()] if self.is_human(0, tick) else [],
            "waiting": [],
            "dismissed": [],
            "dismissed_signals": [],
        }
        humans = [robot for robot in robots if self.is_human(robot, tick)]
        sources = [HUMAN if self.is_human(robot, tick) else POLICY for robot in robots]
        messages = [
            RecordedMessage("/fleet/states", now + 2, states),
            RecordedMessage(
                "/fleet/policy_actions", now + 3, self.actions_fields(header, tick, robots, [POLICY] * self.robots)
            ),
            RecordedMessage("/fleet/signals/uncertainty", now + 3, signal),
            RecordedMessage("/fleet/leases", now + 4, table),
        ]
        if humans:
            teleop = self.actions_fields(header, tick, humans, [HUMAN] * len(humans))
            messages.append(RecordedMessage("/fleet/teleop_actions", now + 5, teleop))
        released = self.actions_fields(header, tick, robots, sources)
        return [*messages, RecordedMessage("/fleet/actions", now + 6, released)]

    def uncertainties(self, tick: int) -> np.ndarray:
        return np.array([robot + tick / 10 for robot in range(self.robots)])

    def image_fields(self, header: Any, robot: int, tick: int) -> dict[str, Any]:
        return {
            "header": header,
            "height": 96,
            "width": 96,
            "encoding": "rgb8",
            "is_bigendian": 0,
            "step": 96 * 3,
            "data": self.image(robot, tick).ravel(),
        }

    def header(self, now_ns: int) -> Any:
        stamp = self.kind("builtin_interfaces/msg/Time")(sec=now_ns // 10**9, nanosec=now_ns % 10**9)
        return self.kind("std_msgs/msg/Header")(stamp=stamp, frame_id="")

    def lease(self) -> Any:
        return self.kind("fleet_interfaces/msg/Lease")(
            robot="robot_01",
            supervisor="human_01",
            token=7,
            kind=0,
            since_tick=4,
            signal="uncertainty",
            value=0.75,
            threshold=0.5,
        )

    def values(self, robot: int, tick: int, source: int) -> np.ndarray:
        return self.action(robot, tick) + (0.01 if source == HUMAN else 0.0)

    def actions_fields(self, header: Any, tick: int, robots: Sequence[int], sources: list[int]) -> dict[str, Any]:
        human = np.array(sources) == HUMAN
        return {
            "header": header,
            "tick": tick,
            "robots": [self.fleet.robot_names[robot] for robot in robots],
            "kinds": np.full(len(robots), MOVE, np.uint8),
            "sources": np.array(sources, np.uint8),
            "policy_versions": (~human).astype(np.uint32),
            "supervisors": ["human_01" if is_human else "" for is_human in human],
            "leases": np.where(human, 7, 0).astype(np.uint64),
            "values": np.concatenate(
                [self.values(robot, tick, source) for robot, source in zip(robots, sources, strict=True)]
            ),
            "reasons": [""] * len(robots),
        }

    def topics(self) -> dict[str, str]:
        """Return the types of the recorded topics by name."""
        return recorded_topics(self.fleet, self.contract)

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
        topics = self.topics()
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
