"""Publishes the fleet as markers while there are subscribers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from fleet_interfaces.msg import LeaseTable, Observation, PolicyReport, RobotAction, RobotStatus
from rclpy.clock import Clock, ClockType
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from visualization_msgs.msg import MarkerArray

from fleet_common.node import FleetNode, run_process
from fleet_common.polled_group import PolledGroup
from fleet_common.qos import TRANSIENT_LOCAL_1
from fleet_contract.action import action_of
from fleet_contract.lease import lease_of
from fleet_contract.observation import state_of
from fleet_contract.topics import LEASES_TOPIC, MARKERS_TOPIC, POLICY_REPORT_TOPIC
from fleet_views.markers import Markers
from fleet_views.scene import Scene
from fleet_views.tick_collector import STORED_TICKS, TickCollector

VIEWERS_POLL_S = 0.25
"""Seconds between two checks for subscribers of the markers."""
MESSAGES_POLL_S = 0.1
"""Seconds between two reads of the topics while the actions of a tick are awaited."""
INCOMPLETE_S = 1.0
"""Seconds after which an incomplete tick is published, if it has changed."""
STORED_TICKS_QOS = QoSProfile(
    depth=STORED_TICKS,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
"""QoS profile that holds as many messages of a topic as ticks are stored."""
PolledSubscription = tuple[Subscription[Any], Callable[[Any], None]]
"""A subscription that the node reads itself, and the callback that handles its messages."""


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
        self.create_subscription(LeaseTable, LEASES_TOPIC, self._on_leases, STORED_TICKS_QOS)
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
        contract, polled_group = self.robot_contract, PolledGroup()
        topics: list[tuple[str, type, Callable[[Any], None]]] = [(POLICY_REPORT_TOPIC, PolicyReport, self._on_report)]
        for name in self.fleet.robot_names:
            topics += [
                (f"{name}/{contract.observation.state.topic}", Observation, partial(self._on_observation, name)),
                (f"{name}/{contract.success.topic}", RobotStatus, partial(self._on_status, name)),
                (f"{name}/{contract.action.topic}", RobotAction, partial(self._on_action, name)),
            ]
        self._polled = [
            (self.create_subscription(kind, topic, handle, STORED_TICKS_QOS, callback_group=polled_group), handle)
            for topic, kind, handle in topics
        ]

    def _read(self) -> None:
        """Take all messages, as `rclpy.wait_for_message` does, and publish the tick if it is complete."""
        for subscription, handle in self._polled:
            with subscription.handle:
                while (taken := subscription.handle.take_message(subscription.msg_type, subscription.raw)) is not None:
                    handle(taken[0])
        if self._collector.complete:
            self._publish()

    def _on_leases(self, message: LeaseTable) -> None:
        leases = [lease_of(lease) for lease in message.leases]
        self._collector.add_leases(message.tick, leases, message.waiting, message.threshold)
        if self._polled:
            self._read_timer.reset()
            self._read()

    def _on_report(self, message: PolicyReport) -> None:
        self._collector.add_report(message.tick, dict(zip(message.robots, message.uncertainties, strict=True)))

    def _on_observation(self, robot: str, message: Observation) -> None:
        try:
            self._collector.add_state(robot, message.tick, state_of(message, self.robot_contract))
        except ValueError as error:
            self.get_logger().error(f"{robot}/{error}")

    def _on_status(self, robot: str, message: RobotStatus) -> None:
        self._collector.add_status(robot, message.tick, violated=message.violated, unreachable=message.unreachable)

    def _on_action(self, robot: str, message: RobotAction) -> None:
        self._collector.add_action(robot, action_of(message))

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


def main() -> NoReturn:
    """Run the node."""
    run_process(MarkersNode)
