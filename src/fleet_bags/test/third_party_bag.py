"""Writes third-party bags of a mobile base in all supported formats."""

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
from mobile_base.camera import image

CONTRACT = Path(__file__).parents[3] / "launch/config/robots/mobile_base.yaml"
BAGS = {"rosbag1": Stores.ROS1_NOETIC, "sqlite3": Stores.ROS2_HUMBLE, "mcap": Stores.ROS2_KILTED}
"""Message definitions of each format."""
START_NS = 1_700_000_000_123_456_789
STEP_NS = 20_000_000


@dataclass
class Message:
    """A message and its receive time."""

    topic: str
    kind: str
    time_ns: int
    fields: dict[str, Any]
    stamp_ns: int | None = None
    """Stamp of its header, ns; None for a message without a header."""


@dataclass
class Drive:
    """A drive of the base: its messages, and the ground truth at their times."""

    steps: int = 150
    seed: int = 4
    namespace: str = "/robot_01"
    latency_ns: int = 3_000_000
    """Latency from a stamp to the recording, ns."""
    messages: list[Message] = field(default_factory=list)
    states: list[tuple[int, np.ndarray]] = field(default_factory=list)
    pictures: list[tuple[int, np.ndarray]] = field(default_factory=list)
    """Images by the stamp of their header."""
    commands: list[tuple[int, np.ndarray]] = field(default_factory=list)
    bumped: list[tuple[int, bool]] = field(default_factory=list)
    arrivals: list[int] = field(default_factory=list)
    """Receive times of the messages with which it arrived at a beacon, ns."""

    def __post_init__(self) -> None:
        arena, was_at_beacon, command = Arena(self.seed), False, np.zeros(2)
        for step in range(self.steps):
            stamp_ns = START_NS + step * STEP_NS
            ahead, left = arena.beacon_in_base_2
            if step % 5 == 1:
                command = np.array([0.4 + 0.3 * np.sin(step), np.clip(3 * np.arctan2(left, ahead), -2, 2)])
                self.commands.append((stamp_ns + self.latency_ns, command))
                twist = {"linear": {"x": command[0]}, "angular": {"z": command[1]}}
                self.publish("cmd_vel", "geometry_msgs/msg/Twist", stamp_ns, twist)
            if step % 2 == 0:
                self.states.append((stamp_ns + self.latency_ns, np.array([ahead, left, *arena.ranges])))
                self.publish(
                    "beacon", "std_msgs/msg/Float64MultiArray", stamp_ns, {"data": arena.beacon_in_base_2 * 1000}
                )
                self.publish("sonar", "std_msgs/msg/Float64MultiArray", stamp_ns, {"data": arena.ranges * 100})
                self.bumped.append((stamp_ns + self.latency_ns, arena.bumped))
                self.publish("bumper", "std_msgs/msg/Bool", stamp_ns, {"data": arena.bumped})
                self.publish("at_beacon", "std_msgs/msg/Bool", stamp_ns, {"data": arena.at_beacon})
                self.arrivals += [stamp_ns + self.latency_ns] * (arena.at_beacon and not was_at_beacon)
                was_at_beacon = arena.at_beacon
            if step % 4 == 0:
                pixels = image(arena)
                self.pictures.append((stamp_ns, pixels))
                _, png = cv2.imencode(".png", pixels[..., ::-1])
                kind = "sensor_msgs/msg/CompressedImage"
                self.publish(
                    "camera/color/compressed", kind, stamp_ns, {"format": "png", "data": png.ravel()}, stamped=True
                )
            arena.drive(*command, STEP_NS / 1e9)
            if was_at_beacon and step % 20 == 19:
                arena.light_beacon()
            if arena.bumped and step % 30 == 29:
                arena.put_back()

    def publish(self, topic: str, kind: str, stamp_ns: int, fields: dict[str, Any], *, stamped: bool = False) -> None:
        name = f"{self.namespace}/{topic}"
        self.messages.append(Message(name, kind, stamp_ns + self.latency_ns, fields, stamp_ns if stamped else None))


def write_bag(path: Path, messages: list[Message], form: str = "mcap") -> Path:
    """Write a rosbag1 file, or a rosbag2 folder in MCAP, also in compressed files, or in SQLite, without message definitions."""
    store = get_typestore(BAGS.get(form, Stores.ROS2_KILTED))
    writer = {
        "rosbag1": lambda: rosbag1.Writer(path.with_suffix(".bag")),
        "sqlite3": lambda: rosbag2.Writer(path, version=8, storage_plugin=StoragePlugin.SQLITE3),
        "mcap": lambda: rosbag2.Writer(path, version=9, storage_plugin=StoragePlugin.MCAP),
        "zstd": lambda: rosbag2.Writer(path, version=9, storage_plugin=StoragePlugin.MCAP),
    }[form]()
    if form == "zstd":
        writer.set_compression(rosbag2.CompressionMode.FILE, rosbag2.CompressionFormat.ZSTD)
    connections: dict[str, Any] = {}
    with writer:
        for message in messages:
            if message.topic not in connections:
                connections[message.topic] = writer.add_connection(message.topic, message.kind, typestore=store)
            made = message_of(store, message.kind, message.fields, message.stamp_ns)
            serialize = store.serialize_ros1 if form == "rosbag1" else store.serialize_cdr
            writer.write(connections[message.topic], message.time_ns, serialize(made, message.kind))
    return writer.path


def message_of(store: Any, kind: str, fields: dict[str, Any], stamp_ns: int | None = None) -> Any:
    """Return a message; fields that are not given are zero or empty."""
    values: dict[str, Any] = {}
    for name, (node, detail) in store.fielddefs[kind][1]:
        value = fields.get(name)
        if node.name == "NAME":
            own = (
                {"sec": stamp_ns // 10**9, "nanosec": stamp_ns % 10**9} if detail.endswith("Time") and stamp_ns else {}
            )
            values[name] = message_of(store, detail, value or own, stamp_ns)
        elif node.name in {"ARRAY", "SEQUENCE"}:
            (inner, part), _ = detail
            if inner.name == "NAME":
                values[name] = [message_of(store, part, element) for element in value or []]
            elif part[0] == "string":
                values[name] = list(value or [])
            else:
                values[name] = np.array([] if value is None else value, dtype=part[0])
        else:
            empty = {"string": "", "bool": False}.get(detail[0], 0.0 if detail[0].startswith("float") else 0)
            values[name] = empty if value is None else value
    return store.types[kind](**values)


def contract_tree(**camera: Any) -> dict[str, Any]:
    """Return the mobile base's contract with images in their original size."""
    tree: dict[str, Any] = yaml.safe_load(CONTRACT.read_text())
    tree["observation"]["camera"] |= {"width": 160, "height": 160, **camera}
    return tree


def mapping_tree(**changes: Any) -> dict[str, Any]:
    """Return the content of a mapping file for the base's bags."""
    tree = {
        "contract": contract_tree(),
        "task": "navigation",
        "robots": ["robot_01"],
        "command": {"rule": "nearest", "timeline": "receive", "tolerance_s": 0.15},
        "driver": "human",
    }
    return {name: value for name, value in (tree | changes).items() if value is not None}
