"""Publishes the topics of some robots of a large fleet at a given rate: the load of the recorder benchmark, as a process.

`python -m fleet_cli.bench.load_generator RUN FIRST COUNT TICKS ALL_TOPICS` publishes for COUNT robots from index FIRST of the fleet in
the folder RUN: at each tick the cameras' topics of all robots and their states and actions if ALL_TOPICS is 1, and images alone if it
is 0. It prints "ready" when all publishers have subscriptions, starts at a line on standard input, prints the seconds that it took,
and exits when standard input is closed.
"""

from __future__ import annotations

import sys
import time
from array import array
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from fleet_interfaces.msg import RobotActions as ActionsMessage
from fleet_interfaces.msg import RobotStates as StatesMessage
from rclpy.publisher import Publisher
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from fleet_common.qos import TRANSIENT_LOCAL_10, TRANSIENT_LOCAL_100
from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.fleet import read_fleet
from fleet_contract.robot import RobotContract
from fleet_contract.robot_actions import fill_robot_actions
from fleet_contract.robot_states import RobotStates, fill_robot_states
from fleet_contract.topics import ACTIONS_TOPIC, POLICY_ACTIONS_TOPIC, ROBOT_STATES_TOPIC

POLL_S = 0.05
"""Time between two checks for subscriptions, s."""


def main() -> None:
    """Run the process."""
    run, first, count, ticks, all_topics = Path(sys.argv[1]), *map(int, sys.argv[2:6])
    fleet = read_fleet(run / "fleet.yaml")
    contract = fleet.contract()
    rclpy.init()
    node = rclpy.create_node(f"load_generator_{first}")
    robots = fleet.robot_names[first : first + count]
    cameras = [
        [node.create_publisher(type(message), f"{robot}/{topic}", TRANSIENT_LOCAL_10) for topic, message in images]
        for images in [_camera_messages(contract, 0)[: None if all_topics else 1]]
        for robot in robots
    ]
    shared = [
        node.create_publisher(type(message), topic, TRANSIENT_LOCAL_100)
        for topic, message in (_shared_messages(contract, robots, 0) if all_topics else [])
    ]
    while not all(publisher.get_subscription_count() for row in [*cameras, shared] for publisher in row):
        time.sleep(POLL_S)
    print("ready", flush=True)
    sys.stdin.readline()
    print(_publish(cameras, shared, contract, robots, ticks), flush=True)
    sys.stdin.read()
    node.destroy_node()
    rclpy.shutdown()


def _publish(
    cameras: Sequence[Sequence[Publisher[Any]]],
    shared: Sequence[Publisher[Any]],
    contract: RobotContract,
    robots: Sequence[str],
    ticks: int,
) -> float:
    """Publish all messages, one robot after the other within a tick, and return the time that it took, s.

    A late message delays the following ones, as with cameras, so there are no bursts. Messages are made once per tick and are the same
    for all robots, because the load generator itself is not what is measured.
    """
    start = due = time.monotonic()
    for tick in range(ticks):
        images = [serialize_message(message) for _, message in _camera_messages(contract, tick)]
        for row in cameras:
            due = max(due + 1 / (contract.rate_hz * len(cameras)), time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
            _send(row, images)
        _send(shared, [serialize_message(message) for _, message in _shared_messages(contract, robots, tick)])
    return time.monotonic() - start


def _send(publishers: Sequence[Publisher[Any]], messages: Sequence[bytes]) -> None:
    for publisher, message in zip(publishers, messages, strict=False):
        with suppress(RuntimeError):  # The network buffer is full, and the message is lost.
            publisher.publish(message)


def _camera_messages(contract: RobotContract, tick: int) -> list[tuple[str, Any]]:
    """Return topic and message of a robot's camera at a tick, the image first; the seconds of the stamps are the tick."""
    header, camera = Header(stamp=Time(sec=tick)), contract.require_camera()
    pixels = array("B", bytes(3 * camera.width * camera.height))
    image = Image(height=camera.height, width=camera.width, encoding="rgb8", step=3 * camera.width, data=pixels)
    image.header = header
    info = CameraInfo(header=header, height=camera.height, width=camera.width, d=[0.0] * 5)
    return [(camera.topic, image), (camera.info_topic, info)]


def _shared_messages(contract: RobotContract, robots: Sequence[str], tick: int) -> list[tuple[str, Any]]:
    """Return topic and message of what the robots share at a tick: states, proposed actions, and actions."""
    stamp, count = Time(sec=tick), len(robots)
    states, actions = StatesMessage(), ActionsMessage()
    fill_robot_states(
        states,
        RobotStates(
            tick=tick,
            stamp=stamp,
            robots=tuple(robots),
            states_NS=np.zeros((count, contract.state_dim)),
            episodes_N=np.zeros(count, dtype=np.int64),
            violated_N=np.zeros(count, dtype=np.bool_),
            succeeded_N=np.zeros(count, dtype=np.bool_),
            rewards_N=np.zeros(count),
            successes_N=np.zeros(count, dtype=np.int64),
            hard_resets_N=np.zeros(count, dtype=np.int64),
            unreachable=("",) * count,
            resting=False,
        ),
    )
    action = RobotAction(tick, ActionKind.MOVE, ActionSource.POLICY, (0.0,) * contract.action_dim, policy_version=1)
    fill_robot_actions(actions, dict.fromkeys(robots, action), stamp, contract.action_dim)
    return [(ROBOT_STATES_TOPIC, states), (POLICY_ACTIONS_TOPIC, actions), (ACTIONS_TOPIC, actions)]


if __name__ == "__main__":
    main()
