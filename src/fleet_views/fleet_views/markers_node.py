"""Publishes what is seen of the fleet as markers, while somebody looks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from fleet_interfaces.msg import LeaseTable, Observation, PolicyReport, RobotAction, RobotStatus
from rclpy.clock import Clock, ClockType
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.subscription import Subscription
from visualization_msgs.msg import MarkerArray

from fleet_contract.action import action_of
from fleet_contract.lease import lease_of
from fleet_contract.observation import state_of
from fleet_contract.ros import NEWEST, FleetNode, run_process
from fleet_views.gathering import Gathering
from fleet_views.markers import Markers
from fleet_views.scene import Scene

LOOK_S = 0.25
"""Between two looks whether somebody looks."""
LONGEST_S = 1.0
"""While a tick lasts longer, what is known of it is shown so often, if it has changed."""


class MarkersNode(FleetNode):
    """An array per tick, as soon as the actions of the tick are released. Without viewers it does not even listen."""

    def __init__(self) -> None:
        super().__init__("markers")
        robots = self.fleet.robot_names
        self._scene = Scene(self.robot_contract)
        self._gathering, self._markers = Gathering(robots), Markers(robots)
        self._ears: list[Subscription[Any]] = []
        self._arrays = self.create_publisher(MarkerArray, "fleet/markers", NEWEST)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._late = self.create_timer(LONGEST_S, self._show_if_changed, clock=steady)
        self.create_timer(LOOK_S, self._look, clock=steady)

    def _look(self) -> None:
        viewers = self._arrays.get_subscription_count()
        if viewers and not self._ears:
            self._listen()
        elif self._ears and not viewers:
            while self._ears:
                self.destroy_subscription(self._ears.pop())

    def _listen(self) -> None:
        """Actions first: of what has come at once, they are older than the next observations."""
        contract, names = self.robot_contract, self.fleet.robot_names
        state, status = contract.observation.state.topic, contract.success.topic
        hear: list[tuple[str, type, Callable[..., None]]] = [
            ("fleet/leases", LeaseTable, self._on_leases),
            ("fleet/policy_report", PolicyReport, self._on_report),
            *((f"{name}/{contract.action.topic}", RobotAction, partial(self._on_action, name)) for name in names),
            *((f"{name}/{state}", Observation, partial(self._on_observation, name)) for name in names),
            *((f"{name}/{status}", RobotStatus, partial(self._on_status, name)) for name in names),
        ]
        quiet = SubscriptionEventCallbacks(use_default_callbacks=False)
        self._ears = [
            self.create_subscription(kind, topic, heard, NEWEST, event_callbacks=quiet) for topic, kind, heard in hear
        ]

    def _on_status(self, robot: str, message: RobotStatus) -> None:
        self._gathering.add_status(robot, message.tick, violated=message.violated, absent=message.absent)

    def _on_observation(self, robot: str, message: Observation) -> None:
        try:
            self._gathering.add_state(robot, message.tick, state_of(message, self.robot_contract))
        except ValueError as error:
            self.get_logger().error(f"{robot}/{error}")

    def _on_report(self, message: PolicyReport) -> None:
        self._gathering.add_report(message.tick, dict(zip(message.robots, message.uncertainties, strict=True)))

    def _on_leases(self, message: LeaseTable) -> None:
        leases = [lease_of(lease) for lease in message.leases]
        self._gathering.add_leases(message.tick, leases, message.waiting, message.threshold)

    def _on_action(self, robot: str, message: RobotAction) -> None:
        self._gathering.add_action(robot, action_of(message))
        if self._gathering.complete:
            self._show()

    def _show_if_changed(self) -> None:
        if self._gathering.changed:
            self._show()

    def _show(self) -> None:
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
