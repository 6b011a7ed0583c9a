"""Receives the observations of all robots, as the robot contract describes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from rclpy.clock import Clock, ClockType
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from sensor_msgs.msg import Image

from fleet_common.fleet_topics import subscribe_to_states
from fleet_common.node import FleetNode
from fleet_common.subscriptions import PolledGroup, arrived, subscribe_polled
from fleet_contract.observation import image_of
from fleet_contract.robot import Stream
from fleet_contract.robot_states import RobotStates
from fleet_contract.stamps import StampJoin

IMAGE_POLL_S = 0.002
"""Period, s, at which images are taken while those of known ticks have not arrived."""
IMAGE_PATIENCE_S = 1.0
"""Time, s, after the newest states, after which images that have not arrived are probably lost."""
LOST_IMAGE_POLL_S = 0.1
"""Period, s, at which images are taken that are probably lost: in lockstep, the fleet waits for each of them."""


@dataclass(frozen=True)
class Observed:
    """What a policy sees of one robot at one tick."""

    robot: int
    """Index of the robot in the fleet."""
    tick: int
    stamp: Time
    observation: NDArray[np.generic]
    """State (S,) or image (H, W, C)."""


OnUpdate = Callable[[Sequence[RobotStates], Sequence[Observed]], None]
"""Called with the states that have arrived and with the observations that are now complete; either may be empty."""


def subscribe_to_observations(node: FleetNode, stream: Stream, on_update: OnUpdate, images_qos: QoSProfile) -> None:
    """Subscribe to the observations of all robots of the node's fleet.

    Messages that do not fit the contract are logged and dropped.

    Args:
        node: node that subscribes.
        stream: part of the observation: state or camera.
        on_update: called when something has arrived.
        images_qos: QoS profile of the subscriptions to the cameras.

    Raises:
        InputError: the stream is camera, and the contract has no camera.
    """
    handle = (
        _Images(node, on_update, images_qos).on_states if stream == "camera" else partial(_on_states, node, on_update)
    )
    subscribe_to_states(node, handle)


def _on_states(node: FleetNode, on_update: OnUpdate, states: Sequence[RobotStates]) -> None:
    index = node.robot_index
    observed = [
        Observed(index[at.robots[row]], at.tick, at.stamp, at.states_NS[row]) for at in states for row in at.observed
    ]
    on_update(states, observed)


class _Images:
    """Joins images, which carry no tick, to the states with the same stamp."""

    def __init__(self, node: FleetNode, on_update: OnUpdate, qos: QoSProfile) -> None:
        self._node, self._on_update = node, on_update
        names, topic = node.fleet.robot_names, node.robot_contract.require_camera().topic
        self._topic, group = topic, PolledGroup()
        self._cameras: list[Subscription[Any]] = [
            subscribe_polled(node, Image, f"{name}/{topic}", qos, group) for name in names
        ]
        self._joins = [StampJoin[NDArray[np.uint8]]() for _ in names]
        self._waiting: dict[int, int] = {}
        self._polls_left = 0
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(IMAGE_POLL_S, self._poll, clock=steady, autostart=False)

    def on_states(self, states: Sequence[RobotStates]) -> None:
        observed = []
        for at in states:
            for row in at.observed:
                robot = self._node.robot_index[at.robots[row]]
                joined = self._joins[robot].add_tick(_key(at.stamp), at.tick)
                if joined:
                    observed.append(Observed(robot, at.tick, at.stamp, joined[1]))
                else:
                    self._waiting[robot] = at.tick
        observed += self._taken()
        self._on_update(states, observed)
        self._polls_left = int(IMAGE_PATIENCE_S / IMAGE_POLL_S)
        if self._waiting:
            self._timer.timer_period_ns = int(IMAGE_POLL_S * 1e9)
            self._timer.reset()

    def _poll(self) -> None:
        observed = self._taken()
        self._polls_left -= 1
        if not self._waiting:
            self._timer.cancel()
        elif self._polls_left == 0:
            self._timer.timer_period_ns = int(LOST_IMAGE_POLL_S * 1e9)
        if observed:
            self._on_update([], observed)

    def _taken(self) -> list[Observed]:
        """Take the images that have arrived, and return those whose states have arrived as well."""
        observed = []
        for robot, camera in enumerate(self._cameras):
            for message, _ in arrived(camera):
                try:
                    image = image_of(message, self._node.robot_contract)
                except ValueError as error:
                    self._node.get_logger().error(f"{self._node.fleet.robot_names[robot]}/{error}")
                    continue
                joined = self._joins[robot].add_sample(_key(message.header.stamp), image)
                if joined:
                    observed.append(Observed(robot, joined[0], message.header.stamp, joined[1]))
                    if self._waiting.get(robot) == joined[0]:
                        del self._waiting[robot]
        return observed


def _key(stamp: Time) -> tuple[int, int]:
    return stamp.sec, stamp.nanosec
