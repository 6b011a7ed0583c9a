"""Records everything that the fleet says into a rosbag2 MCAP bag, as it came over the wire."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, NoReturn

from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.subscription import Subscription
from rosbags.interfaces import Connection
from rosbags.rosbag2 import StoragePlugin, Writer
from std_msgs.msg import Bool

from fleet_bags.topics import IMAGE_TYPES, recorded_topics
from fleet_contract.definitions import typestore_for
from fleet_contract.message_types import message_class
from fleet_contract.ros import EVERY, OFFERED, FleetNode, run_process

OPENING_S = 0.1
QUIET_S = 0.5
"""Silence after which nothing more is on its way."""
LONGEST_S = 8.0
"""The bag is closed then, also if the fleet goes on talking."""


class RecorderNode(FleetNode):
    """One subscription per topic; messages are never unpacked."""

    def __init__(self) -> None:
        super().__init__("recorder")
        topics = recorded_topics(self.fleet, self.robot_contract)
        types = typestore_for(set(topics.values()))
        self._writer = Writer(self.run_dir / "bag", version=9, storage_plugin=StoragePlugin.MCAP)
        self._writer.set_custom_data("fleet", (self.run_dir / "fleet.yaml").read_text(encoding="utf-8"))
        self._writer.set_custom_data("contract", self.robot_contract.model_dump_json())
        self._writer.set_custom_data("contract_digest", self.robot_contract.digest)
        self._writer.open()
        self._eyes: list[Subscription[Any]] = []
        for topic, kind in topics.items():
            connection = self._writer.add_connection(topic, kind, typestore=types)
            heard = partial(self._write, connection)
            subscription = self.create_subscription(message_class(kind), topic, heard, EVERY, raw=True)
            if kind in IMAGE_TYPES:
                self._eyes.append(subscription)
        self._recording = self.create_publisher(Bool, "fleet/recording", OFFERED)
        self._opening = self.create_timer(
            OPENING_S, self._when_all_cameras_are_seen, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def _when_all_cameras_are_seen(self) -> None:
        """Say so: few images are kept for those who come late, and the robots wait for this word."""
        if all(eye.get_publisher_count() for eye in self._eyes):
            self._opening.destroy()
            self._recording.publish(Bool(data=True))

    def _write(self, connection: Connection, data: bytes) -> None:
        self._writer.write(connection, time.time_ns(), data)
        self._last_write = time.monotonic()

    def finish(self, executor: SingleThreadedExecutor) -> None:
        """Write what is still on its way, then close the bag."""
        self._last_write = now = time.monotonic()
        end = now + LONGEST_S
        while now < min(end, self._last_write + QUIET_S):
            executor.spin_once(timeout_sec=QUIET_S / 3)
            now = time.monotonic()
        self._writer.close()


def main() -> NoReturn:
    """Run the node."""
    run_process(RecorderNode, at_end=RecorderNode.finish)
