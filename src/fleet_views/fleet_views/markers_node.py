"""Publishes what is seen of the fleet as markers, while somebody looks."""

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
from fleet_views.gathering import KEPT, Gathering
from fleet_views.markers import Markers
from fleet_views.scene import Scene

LOOK_S = 0.25
"""Between two looks whether somebody looks."""
READ_S = 0.1
"""Between two looks whether the actions of a tick have come whose lease table has."""
LONGEST_S = 1.0
"""While a tick lasts longer, what is known of it is shown so often, if it has changed."""
RECENT = QoSProfile(
    depth=KEPT,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
"""As many messages of a topic as ticks are gathered."""
Ear = tuple[Subscription[Any], Callable[[Any], None]]


class MarkersNode(FleetNode):
    """An array per tick, when the actions of the tick are released. Without viewers it does not even listen.

    By the time of a tick's lease table all robots have been heard, so that topics are read then, and until the actions have
    come.
    """

    def __init__(self) -> None:
        super().__init__("markers")
        robots = self.fleet.robot_names
        self._scene = Scene(self.robot_contract)
        self._gathering, self._markers = Gathering(robots), Markers(robots)
        self._ears: list[Ear] = []
        self._arrays = self.create_publisher(MarkerArray, "fleet/markers", TRANSIENT_LOCAL_1)
        self.create_subscription(LeaseTable, "fleet/leases", self._on_leases, RECENT)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._waiting = self.create_timer(READ_S, self._read, clock=steady, autostart=False)
        self._late = self.create_timer(LONGEST_S, self._show_if_changed, clock=steady)
        self.create_timer(LOOK_S, self._look, clock=steady)

    def _look(self) -> None:
        viewers = self._arrays.get_subscription_count()
        if viewers and not self._ears:
            self._listen()
            self._waiting.reset()
        elif self._ears and not viewers:
            for ear, _ in self._ears:
                self.destroy_subscription(ear)
            self._ears.clear()

    def _listen(self) -> None:
        contract, nobody = self.robot_contract, PolledGroup()
        topics: list[tuple[str, type, Callable[[Any], None]]] = [("fleet/policy_report", PolicyReport, self._on_report)]
        for name in self.fleet.robot_names:
            topics += [
                (f"{name}/{contract.observation.state.topic}", Observation, partial(self._on_observation, name)),
                (f"{name}/{contract.success.topic}", RobotStatus, partial(self._on_status, name)),
                (f"{name}/{contract.action.topic}", RobotAction, partial(self._on_action, name)),
            ]
        self._ears = [
            (self.create_subscription(kind, topic, heard, RECENT, callback_group=nobody), heard)
            for topic, kind, heard in topics
        ]

    def _read(self) -> None:
        """Take what has come, as `rclpy.wait_for_message` does, and show the tick if that was all."""
        for ear, heard in self._ears:
            with ear.handle:
                while (taken := ear.handle.take_message(ear.msg_type, ear.raw)) is not None:
                    heard(taken[0])
        if self._gathering.complete:
            self._show()

    def _on_leases(self, message: LeaseTable) -> None:
        leases = [lease_of(lease) for lease in message.leases]
        self._gathering.add_leases(message.tick, leases, message.waiting, message.threshold)
        if self._ears:
            self._waiting.reset()
            self._read()

    def _on_report(self, message: PolicyReport) -> None:
        self._gathering.add_report(message.tick, dict(zip(message.robots, message.uncertainties, strict=True)))

    def _on_observation(self, robot: str, message: Observation) -> None:
        try:
            self._gathering.add_state(robot, message.tick, state_of(message, self.robot_contract))
        except ValueError as error:
            self.get_logger().error(f"{robot}/{error}")

    def _on_status(self, robot: str, message: RobotStatus) -> None:
        self._gathering.add_status(robot, message.tick, violated=message.violated, unreachable=message.unreachable)

    def _on_action(self, robot: str, message: RobotAction) -> None:
        self._gathering.add_action(robot, action_of(message))

    def _show_if_changed(self) -> None:
        self._read()
        if self._gathering.changed and self._ears:
            self._show()

    def _show(self) -> None:
        self._waiting.cancel()
        self._late.reset()
        moments = self._gathering.show()
        if moments is None:
            return
        shapes = [
            shape
            for robot, moment in zip(self.fleet.robot_names, moments, strict=True)
            for shape in self._scene.draw(robot, moment)
        ]
        self._arrays.publish(self._markers.array(shapes))


def main() -> NoReturn:
    """Run the node."""
    run_process(MarkersNode)
