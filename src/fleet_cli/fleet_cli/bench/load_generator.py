"""Publishes the topics of some robots of a large fleet at a given rate: the load of the recorder benchmark, as a process.

`python -m fleet_cli.bench.load_generator RUN FIRST COUNT TICKS ALL_TOPICS` publishes for COUNT robots from index FIRST of the fleet in
the folder RUN: all topics that robots have at each tick if ALL_TOPICS is 1, and images alone if it is 0. It prints "ready" when all
publishers have subscriptions, starts at a line on standard input, prints the seconds that it took, and exits when standard input is
closed.
"""

from __future__ import annotations

import sys
import time
from array import array
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import rclpy
from builtin_interfaces.msg import Time
from fleet_interfaces.msg import Observation, RobotAction, RobotStatus
from rclpy.publisher import Publisher
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from fleet_common.qos import TRANSIENT_LOCAL_10, TRANSIENT_LOCAL_100
from fleet_contract.fleet import read_fleet
from fleet_contract.robot import RobotContract
from fleet_contract.topics import POLICY_ACTION_TOPIC

POLL_S = 0.05
"""Time between two checks for subscriptions, s."""


def main() -> None:
    """Run the process."""
    run, first, count, ticks, all_topics = Path(sys.argv[1]), *map(int, sys.argv[2:6])
    fleet = read_fleet(run / "fleet.yaml")
    contract = fleet.contract()
    rclpy.init()
    node = rclpy.create_node(f"load_generator_{first}")
    kinds = [(type(message), topic) for topic, message in _messages(contract, 0)][: None if all_topics else 1]
    publishers = [
        [node.create_publisher(kind, f"{robot}/{topic}", _qos(kind)) for kind, topic in kinds]
        for robot in fleet.robot_names[first : first + count]
    ]
    while not all(publisher.get_subscription_count() for row in publishers for publisher in row):
        time.sleep(POLL_S)
    print("ready", flush=True)
    sys.stdin.readline()
    print(_publish(publishers, contract, ticks), flush=True)
    sys.stdin.read()
    node.destroy_node()
    rclpy.shutdown()


def _publish(publishers: list[list[Publisher[Any]]], contract: RobotContract, ticks: int) -> float:
    """Publish all messages, one robot after the other within a tick, and return the time that it took, s.

    A late message delays the following ones, as with cameras, so there are no bursts. Messages are made once per tick and are the same
    for all robots, because the load generator itself is not what is measured.
    """
    start = due = time.monotonic()
    for tick in range(ticks):
        messages = [serialize_message(message) for _, message in _messages(contract, tick)]
        for row in publishers:
            due = max(due + 1 / (contract.rate_hz * len(publishers)), time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
            for publisher, message in zip(row, messages, strict=False):
                with suppress(RuntimeError):  # The network buffer is full, and the message is lost.
                    publisher.publish(message)
    return time.monotonic() - start


def _messages(contract: RobotContract, tick: int) -> Iterator[tuple[str, Any]]:
    """Yield topic and message of a robot at a tick, the image first; the seconds of the stamps are the tick."""
    header, camera = Header(stamp=Time(sec=tick)), contract.require_camera()
    pixels = array("B", bytes(3 * camera.width * camera.height))
    image = Image(height=camera.height, width=camera.width, encoding="rgb8", step=3 * camera.width, data=pixels)
    image.header = header
    yield camera.topic, image
    yield camera.info_topic, CameraInfo(header=header, height=camera.height, width=camera.width, d=[0.0] * 5)
    state = Observation(header=header, tick=tick, values=[0.0] * contract.state_dim)
    yield contract.observation.state.topic, state
    yield contract.success.topic, RobotStatus(header=header, tick=tick)
    for topic in (POLICY_ACTION_TOPIC, contract.action.topic):
        yield topic, RobotAction(header=header, tick=tick, values=[0.0] * contract.action_dim)


def _qos(kind: type) -> Any:
    return TRANSIENT_LOCAL_10 if kind in {Image, CameraInfo} else TRANSIENT_LOCAL_100


if __name__ == "__main__":
    main()
