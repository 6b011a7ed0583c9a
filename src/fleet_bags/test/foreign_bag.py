"""Bags as others record them: of a mobile base that knows nothing of the fleet, in the formats that there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from rosbags import rosbag1, rosbag2
from rosbags.rosbag2 import StoragePlugin
from rosbags.typesys import Stores, get_typestore

from mobile_base.arena import Arena
from mobile_base.picture import picture

CONTRACT = Path(__file__).parents[3] / "launch/config/robots/mobile_base.yaml"
BAGS = {"rosbag1": Stores.ROS1_NOETIC, "sqlite3": Stores.ROS2_HUMBLE, "mcap": Stores.ROS2_KILTED}
"""What the messages of each format are defined by."""
START_NS = 1_700_000_000_123_456_789
STEP_NS = 20_000_000


@dataclass
class Message:
    """A message, and when it was recorded."""

    topic: str
    kind: str
    time_ns: int
    fields: dict[str, Any]
    stamp_ns: int | None = None
    """Of its header; None: it has none."""


@dataclass
class Drive:
    """The base under somebody's hand: what it said, and what was true when it said it."""

    steps: int = 150
    seed: int = 4
    namespace: str = "/robot_01"
    lag_ns: int = 3_000_000
    """From a stamp to the recording."""
    messages: list[Message] = field(default_factory=list)
    states: list[tuple[int, np.ndarray]] = field(default_factory=list)
    pictures: list[tuple[int, np.ndarray]] = field(default_factory=list)
    """By the stamp of their header."""
    commands: list[tuple[int, np.ndarray]] = field(default_factory=list)
    bumped: list[tuple[int, bool]] = field(default_factory=list)
    arrivals: list[int] = field(default_factory=list)
    """Stamps of the moments at which it came to a beacon."""

    def __post_init__(self) -> None:
        arena, was_there, command = Arena(self.seed), False, np.zeros(2)
        for step in range(self.steps):
            stamp_ns = START_NS + step * STEP_NS
            ahead, left = arena.seen_beacon_2
            if step % 5 == 1:
                command = np.array([0.4 + 0.3 * np.sin(step), np.clip(3 * np.arctan2(left, ahead), -2, 2)])
                self.commands.append((stamp_ns + self.lag_ns, command))
                twist = {"linear": {"x": command[0]}, "angular": {"z": command[1]}}
                self.say("cmd_vel", "geometry_msgs/msg/Twist", stamp_ns, twist)
            if step % 2 == 0:
                self.states.append((stamp_ns + self.lag_ns, np.array([ahead, left, *arena.ranges])))
                self.say("beacon", "std_msgs/msg/Float64MultiArray", stamp_ns, {"data": arena.seen_beacon_2 * 1000})
                self.say("sonar", "std_msgs/msg/Float64MultiArray", stamp_ns, {"data": arena.ranges * 100})
                self.bumped.append((stamp_ns + self.lag_ns, arena.bumped))
                self.say("bumper", "std_msgs/msg/Bool", stamp_ns, {"data": arena.bumped})
                self.say("at_beacon", "std_msgs/msg/Bool", stamp_ns, {"data": arena.at_beacon})
                self.arrivals += [stamp_ns + self.lag_ns] * (arena.at_beacon and not was_there)
                was_there = arena.at_beacon
            if step % 4 == 0:
                pixels = picture(arena)
                self.pictures.append((stamp_ns, pixels))
                _, png = cv2.imencode(".png", pixels[..., ::-1])
                kind = "sensor_msgs/msg/CompressedImage"
                self.say(
                    "camera/color/compressed", kind, stamp_ns, {"format": "png", "data": png.ravel()}, stamped=True
                )
            arena.drive(*command, STEP_NS / 1e9)
            if was_there and step % 20 == 19:
                arena.light_another()
            if arena.bumped and step % 30 == 29:
                arena.put_back()

    def say(self, topic: str, kind: str, stamp_ns: int, fields: dict[str, Any], *, stamped: bool = False) -> None:
        name = f"{self.namespace}/{topic}"
        self.messages.append(Message(name, kind, stamp_ns + self.lag_ns, fields, stamp_ns if stamped else None))


def write_bag(path: Path, messages: list[Message], form: str = "mcap") -> Path:
    """A file of rosbag1, or a folder of rosbag2 in MCAP, or in SQLite without definitions."""
    store = get_typestore(BAGS[form])
    writer = {
        "rosbag1": lambda: rosbag1.Writer(path.with_suffix(".bag")),
        "sqlite3": lambda: rosbag2.Writer(path, version=8, storage_plugin=StoragePlugin.SQLITE3),
        "mcap": lambda: rosbag2.Writer(path, version=9, storage_plugin=StoragePlugin.MCAP),
    }[form]()
    connections: dict[str, Any] = {}
    with writer:
        for message in messages:
            if message.topic not in connections:
                connections[message.topic] = writer.add_connection(message.topic, message.kind, typestore=store)
            made = made_of(store, message.kind, message.fields, message.stamp_ns)
            serialize = store.serialize_ros1 if form == "rosbag1" else store.serialize_cdr
            writer.write(connections[message.topic], message.time_ns, serialize(made, message.kind))
    return writer.path


def made_of(store: Any, kind: str, fields: dict[str, Any], stamp_ns: int | None = None) -> Any:
    """A message of which what is not said is zero or empty."""
    values: dict[str, Any] = {}
    for name, (node, detail) in store.fielddefs[kind][1]:
        found = fields.get(name)
        if node.name == "NAME":
            own = (
                {"sec": stamp_ns // 10**9, "nanosec": stamp_ns % 10**9} if detail.endswith("Time") and stamp_ns else {}
            )
            values[name] = made_of(store, detail, found or own, stamp_ns)
        elif node.name in {"ARRAY", "SEQUENCE"}:
            (inner, part), _ = detail
            if inner.name == "NAME":
                values[name] = [made_of(store, part, element) for element in found or []]
            elif part[0] == "string":
                values[name] = list(found or [])
            else:
                values[name] = np.array([] if found is None else found, dtype=part[0])
        else:
            empty = {"string": "", "bool": False}.get(detail[0], 0.0 if detail[0].startswith("float") else 0)
            values[name] = empty if found is None else found
    return store.types[kind](**values)


def contract_tree(**camera: Any) -> dict[str, Any]:
    """The mobile base's contract, with pictures as large as they are taken."""
    tree: dict[str, Any] = yaml.safe_load(CONTRACT.read_text())
    tree["observation"]["camera"] |= {"width": 160, "height": 160, **camera}
    return tree


def mapping_tree(**changes: Any) -> dict[str, Any]:
    """A mapping of the base's bags."""
    tree = {
        "contract": contract_tree(),
        "task": "navigation",
        "robots": ["robot_01"],
        "command": {"rule": "nearest", "timeline": "receive", "tolerance_s": 0.15},
        "driver": "human",
    }
    return {name: value for name, value in (tree | changes).items() if value is not None}
