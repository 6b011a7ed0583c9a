"""What the robots observe, heard from their topics by the robot contract."""

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
"""Called with a robot's index, the tick, its stamp, and what the robot observed."""


def subscribe_to_observations(node: FleetNode, stream: Stream, heard: OnObservation, qos: QoSProfile) -> None:
    """Listen to all robots of the node's fleet. What does not fit the contract is told and left out.

    Raises:
        BadInput: images are asked for, and the contract has no camera.
    """
    for robot, name in enumerate(node.fleet.robot_names):
        robot_heard = partial(heard, robot)
        if stream == "state":
            _listen_to_states(node, name, robot_heard, qos)
        else:
            _listen_to_images(node, name, robot_heard, qos)


def _listen_to_states(node: FleetNode, name: str, heard: Callable[..., None], qos: QoSProfile) -> None:
    contract = node.robot_contract

    def on_observation(message: Observation) -> None:
        heard(message.tick, message.header.stamp, state_of(message, contract))

    _subscribe(node, Observation, name, contract.observation.state.topic, on_observation, qos)


def _listen_to_images(node: FleetNode, name: str, heard: Callable[..., None], qos: QoSProfile) -> None:
    """Images carry no tick: they get that of the observation of their stamp."""
    contract, join = node.robot_contract, StampJoin[NDArray[np.uint8]]()

    def tell(stamp: Time, joined: tuple[int, NDArray[np.uint8]] | None) -> None:
        if joined:
            heard(joined[0], stamp, joined[1])

    def on_observation(message: Observation) -> None:
        tell(message.header.stamp, join.add_tick(_key(message.header.stamp), message.tick))

    def on_image(message: Image) -> None:
        tell(message.header.stamp, join.add_sample(_key(message.header.stamp), image_of(message, contract)))

    _subscribe(node, Observation, name, contract.observation.state.topic, on_observation, qos)
    _subscribe(node, Image, name, contract.require_camera().topic, on_image, qos)


def _subscribe(
    node: FleetNode, kind: type, name: str, topic: str, hear: Callable[[Any], None], qos: QoSProfile
) -> None:
    def on_message(message: Any) -> None:
        try:
            hear(message)
        except ValueError as error:
            node.get_logger().error(f"{name}/{error}")

    node.create_subscription(kind, f"{name}/{topic}", on_message, qos)


def _key(stamp: Time) -> tuple[int, int]:
    return stamp.sec, stamp.nanosec
