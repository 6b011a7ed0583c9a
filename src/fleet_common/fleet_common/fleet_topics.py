"""Subscribes to the messages that the fleet's nodes exchange about many robots; those that do not fit are logged and dropped."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fleet_interfaces.msg import LeaseTable as TableMessage
from fleet_interfaces.msg import RobotActions as ActionsMessage
from fleet_interfaces.msg import RobotStates as StatesMessage
from fleet_interfaces.msg import Signal as SignalMessage
from rclpy.qos import QoSProfile

from fleet_common.node import FleetNode
from fleet_common.qos import TRANSIENT_LOCAL_1000
from fleet_common.subscriptions import subscribe
from fleet_contract.action import RobotAction
from fleet_contract.lease_table import LeaseTable, lease_table_of
from fleet_contract.robot_actions import robot_actions_of
from fleet_contract.robot_states import RobotStates, robot_states_of
from fleet_contract.signal import Signal, signal_of
from fleet_contract.topics import LEASES_TOPIC, ROBOT_STATES_TOPIC, signal_topic


def subscribe_to_states(node: FleetNode, handle: Callable[[list[RobotStates]], None]) -> None:
    """Subscribe to the states of all robots."""
    read = partial(robot_states_of, contract=node.robot_contract, known=node.robot_index)
    subscribe(node, StatesMessage, ROBOT_STATES_TOPIC, read, handle, TRANSIENT_LOCAL_1000)


def subscribe_to_actions(
    node: FleetNode, topic: str, handle: Callable[[list[dict[str, RobotAction]]], None], qos: QoSProfile
) -> None:
    """Subscribe to actions on one of the topics of actions, which are handled by robot."""
    subscribe(node, ActionsMessage, topic, partial(robot_actions_of, known=node.robot_index), handle, qos)


def subscribe_to_signal(node: FleetNode, name: str, handle: Callable[[list[Signal]], None], qos: QoSProfile) -> None:
    """Subscribe to the signal of this name."""
    subscribe(node, SignalMessage, signal_topic(name), partial(signal_of, known=node.robot_index), handle, qos)


def subscribe_to_leases(node: FleetNode, handle: Callable[[list[LeaseTable]], None], qos: QoSProfile) -> None:
    """Subscribe to the lease tables."""
    subscribe(node, TableMessage, LEASES_TOPIC, lease_table_of, handle, qos)
