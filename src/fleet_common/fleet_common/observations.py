"""Subscribes to the observations of all robots, as the robot contract describes them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from fleet_interfaces.msg import Observation
from numpy.typing import NDArray
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

from fleet_common.node import FleetNode
from fleet_contract.observation import image_of, state_of
from fleet_contract.robot import Stream
from fleet_contract.stamps import StampJoin

OnObservation = Callable[[int, int, Time, NDArray[np.generic]], None]
"""Called with the robot's index, the tick, its stamp, and the observation, (S,) or (H, W, C)."""


def subscribe_to_observations(node: FleetNode, stream: Stream, on_observation: OnObservation, qos: QoSProfile) -> None:
    """Subscribe to the observations of all robots of the node's fleet.

    Messages that do not fit the contract are logged and dropped.

    Args:
        node: Node that subscribes.
        stream: Part of the observation: state or camera.
        on_observation: Called with every observation.
        qos: QoS profile of the subscriptions.

    Raises:
        InputError: the stream is camera, and the contract has no camera.
    """
    for robot, name in enumerate(node.fleet.robot_names):
        on_robot_observation = partial(on_observation, robot)
        if stream == "state":
            _subscribe_to_states(node, name, on_robot_observation, qos)
        else:
            _subscribe_to_images(node, name, on_robot_observation, qos)


def _subscribe_to_states(node: FleetNode, name: str, on_state: Callable[..., None], qos: QoSProfile) -> None:
    contract = node.robot_contract

    def on_message(message: Observation) -> None:
        on_state(message.tick, message.header.stamp, state_of(message, contract))

    _subscribe(node, Observation, name, contract.observation.state.topic, on_message, qos)


def _subscribe_to_images(node: FleetNode, name: str, on_joined_image: Callable[..., None], qos: QoSProfile) -> None:
    """Images carry no tick: they get the tick of the observation with the same stamp."""
    contract, join = node.robot_contract, StampJoin[NDArray[np.uint8]]()

    def report(stamp: Time, joined: tuple[int, NDArray[np.uint8]] | None) -> None:
        if joined:
            on_joined_image(joined[0], stamp, joined[1])

    def on_observation(message: Observation) -> None:
        report(message.header.stamp, join.add_tick(_key(message.header.stamp), message.tick))

    def on_image(message: Image) -> None:
        report(message.header.stamp, join.add_sample(_key(message.header.stamp), image_of(message, contract)))

    _subscribe(node, Observation, name, contract.observation.state.topic, on_observation, qos)
    _subscribe(node, Image, name, contract.require_camera().topic, on_image, qos)


def _subscribe(
    node: FleetNode, kind: type, name: str, topic: str, handle: Callable[[Any], None], qos: QoSProfile
) -> None:
    def on_message(message: Any) -> None:
        try:
            handle(message)
        except ValueError as error:
            node.get_logger().error(f"{name}/{error}")

    node.create_subscription(kind, f"{name}/{topic}", on_message, qos)


def _key(stamp: Time) -> tuple[int, int]:
    return stamp.sec, stamp.nanosec
