"""Publishes the fleet as markers while there are subscribers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from fleet_interfaces.msg import RobotActions as ActionsMessage
from fleet_interfaces.msg import RobotStates as StatesMessage
from fleet_interfaces.msg import Signal as SignalMessage
from rclpy.clock import Clock, ClockType
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from visualization_msgs.msg import MarkerArray

from fleet_common.fleet_topics import subscribe_to_leases
from fleet_common.node import FleetNode, run_process
from fleet_common.qos import TRANSIENT_LOCAL_1
from fleet_common.subscriptions import PolledGroup, arrived, subscribe_polled
from fleet_contract.lease_table import LeaseTable
from fleet_contract.robot_actions import robot_actions_of
from fleet_contract.robot_states import robot_states_of
from fleet_contract.signal import UNCERTAINTY, signal_of
from fleet_contract.topics import ACTIONS_TOPIC, MARKERS_TOPIC, ROBOT_STATES_TOPIC, signal_topic
from fleet_views.markers import Markers
from fleet_views.scene import Scene
from fleet_views.tick_collector import STORED_TICKS, TickCollector

VIEWERS_POLL_S = 0.25
"""Seconds between two checks for subscribers of the markers."""
MESSAGES_POLL_S = 0.1
"""Seconds between two reads of the topics while the actions of a tick are awaited."""
INCOMPLETE_S = 1.0
"""Seconds after which an incomplete tick is published, if it has changed."""
PolledSubscription = tuple[Subscription[Any], Callable[[Any], None]]
"""A subscription that the node reads itself, and the function that handles its messages."""


class MarkersNode(FleetNode):
    """Publishes one array per tick, when the actions of the tick are released. Without viewers it does not subscribe.

    All robots' messages precede the lease table of their tick. The topics are therefore read when a table arrives, and then
    repeatedly until the actions have arrived.
    """

    def __init__(self) -> None:
        super().__init__("markers")
        robots = self.fleet.robot_names
        self._scene = Scene(self.robot_contract)
        self._collector, self._markers = TickCollector(robots), Markers(robots)
        self._polled: list[PolledSubscription] = []
        self._arrays = self.create_publisher(MarkerArray, MARKERS_TOPIC, TRANSIENT_LOCAL_1)
        subscribe_to_leases(self, self._on_leases, _stored_ticks())
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._read_timer = self.create_timer(MESSAGES_POLL_S, self._read, clock=steady, autostart=False)
        self._incomplete_timer = self.create_timer(INCOMPLETE_S, self._publish_if_changed, clock=steady)
        self.create_timer(VIEWERS_POLL_S, self._check_viewers, clock=steady)

    def _check_viewers(self) -> None:
        viewers = self._arrays.get_subscription_count()
        if viewers and not self._polled:
            self._subscribe()
            self._read_timer.reset()
        elif self._polled and not viewers:
            for subscription, _ in self._polled:
                self.destroy_subscription(subscription)
            self._polled.clear()

    def _subscribe(self) -> None:
        # Every robot may have a driver of its own, and an action that is released alone.
        group, qos = PolledGroup(), _stored_ticks(messages_per_tick=len(self.fleet.robot_names))
        self._polled = [
            (subscribe_polled(self, kind, topic, qos, group), handle)
            for topic, kind, handle in (
                (ROBOT_STATES_TOPIC, StatesMessage, self._on_states),
                (ACTIONS_TOPIC, ActionsMessage, self._on_actions),
                (signal_topic(UNCERTAINTY), SignalMessage, self._on_signal),
            )
        ]

    def _read(self) -> None:
        """Take all messages, and publish the tick if it is complete."""
        for subscription, handle in self._polled:
            for message, _ in arrived(subscription):
                try:
                    handle(message)
                except ValueError as error:
                    self.get_logger().error(f"{subscription.topic_name}: {error}")
        if self._collector.complete:
            self._publish()

    def _on_leases(self, tables: list[LeaseTable]) -> None:
        for table in tables:
            self._collector.add_leases(table.tick, table.leases, table.waiting, table.threshold(UNCERTAINTY))
        if self._polled:
            self._read_timer.reset()
            self._read()

    def _on_states(self, message: StatesMessage) -> None:
        states = robot_states_of(message, self.robot_contract, self.robot_index)
        for row, robot in enumerate(states.robots):
            violated, reason = bool(states.violated_N[row]), states.unreachable[row]
            self._collector.add_status(robot, states.tick, violated=violated, unreachable=reason)
        for row in states.observed:
            self._collector.add_state(states.robots[row], states.tick, states.states_NS[row])

    def _on_actions(self, message: ActionsMessage) -> None:
        for robot, action in robot_actions_of(message, self.robot_index).items():
            self._collector.add_action(robot, action)

    def _on_signal(self, message: SignalMessage) -> None:
        signal = signal_of(message, self.robot_index)
        self._collector.add_uncertainties(signal.tick, signal.by_robot, signal.unit)

    def _publish_if_changed(self) -> None:
        self._read()
        if self._collector.changed and self._polled:
            self._publish()

    def _publish(self) -> None:
        self._read_timer.cancel()
        self._incomplete_timer.reset()
        snapshots = self._collector.snapshots()
        if snapshots is None:
            return
        shapes = [
            shape
            for robot, snapshot in zip(self.fleet.robot_names, snapshots, strict=True)
            for shape in self._scene.draw(robot, snapshot)
        ]
        self._arrays.publish(self._markers.array(shapes))


def _stored_ticks(messages_per_tick: int = 1) -> QoSProfile:
    """Return the QoS profile that holds as many messages of a topic as belong to the stored ticks."""
    return QoSProfile(
        depth=STORED_TICKS * messages_per_tick,
        history=HistoryPolicy.KEEP_LAST,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )


def main() -> NoReturn:
    """Run the node."""
    run_process(MarkersNode)
