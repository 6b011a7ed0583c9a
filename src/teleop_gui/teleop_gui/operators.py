"""People's stations as a node: video of the robot that each has, and what the fleet wants of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from fleet_interfaces.msg import LeaseTable, PolicyReport
from rclpy.client import Client
from rclpy.clock import Clock, ClockType
from rclpy.subscription import Subscription
from rclpy.task import Future
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from fleet_common.health import Check
from fleet_common.jpeg import from_jpeg
from fleet_common.qos import BEST_EFFORT_1, TRANSIENT_LOCAL_1
from fleet_contract.lease import Lease
from teleop_gui.operator import Operator
from teleop_gui.pointing import pointing_of
from teleop_gui.station import Station
from teleop_gui.station_health import operator_check
from teleop_gui.stations import StationsNode

LOOK_HZ = 30.0
ASK_AGAIN = 10
"""Looks after which an emergency stop that is not latched is asked for again, and what is new is told."""


class OperatorsNode(StationsNode):
    """The stations of people. A derived class shows them what they see, and tells what they do."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.operators: dict[str, Operator] = {}
        """Those who are here, by name."""
        self._pointing = pointing_of(self.robot_contract)
        self._video = self.robot_contract.require_operation().video
        self._videos: dict[str, tuple[str, Subscription[CompressedImage]]] = {}
        self._stopped = False
        self._stopping: Future[Any] | None = None
        self._looks = 0
        self._report = PolicyReport()
        self._stop: Client[Any, Any] = self.create_client(Trigger, "fleet/emergency_stop")
        self._reset_stop: Client[Any, Any] = self.create_client(Trigger, "fleet/emergency_stop_reset")
        self.create_subscription(Bool, "fleet/emergency_stopped", self._on_stopped, TRANSIENT_LOCAL_1)
        self.create_subscription(PolicyReport, "fleet/policy_report", self._on_report, TRANSIENT_LOCAL_1)
        self.create_timer(1 / LOOK_HZ, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def checks(self) -> Sequence[Check]:
        """See `FleetNode.checks`: what the people who are here do, and whether they see it."""
        return [operator_check(operator) for operator in self.operators.values()]

    def on_shutdown(self) -> None:
        """People may go whenever they want."""
        self.publish_shutdown()

    def look(self) -> None:
        """Show what there is now, and take what has been done; called `LOOK_HZ` times a second."""

    def arrive(self, human: str) -> Operator:
        """A person takes the place of this supervisor."""
        operator = Operator(
            human,
            self._pointing,
            time.monotonic,
            self._ask_for_stop,
            lambda: self._reset_stop.call_async(Trigger.Request()),
        )
        operator.latched(self._stopped)
        self.operators[human] = operator
        self.open({human: Station(operator, hard_reset_ticks=1)})
        return operator

    def leave(self, human: str) -> None:
        """The person goes."""
        self.operators.pop(human).assign(None)
        self._watch(human, None)
        self.shut(human)

    def accepts(self, supervisor: str, robot: str) -> bool:
        """See `StationsNode.accepts`."""
        return self.operators[supervisor].accepts(robot)

    def leased(self, leases: Mapping[str, Lease]) -> None:
        """See `StationsNode.leased`."""
        for human, operator in self.operators.items():
            lease = leases.get(human)
            operator.assign(lease)
            self._watch(human, lease.robot if lease else None)
            self._tell(operator)

    def _look(self) -> None:
        for human, operator in self.operators.items():
            if operator.takes_leave() and not self.hand_back(human):
                operator.keep()
        self._looks += 1
        if self._looks % ASK_AGAIN == 0:
            if any(operator.wants_stop for operator in self.operators.values()):
                self._ask_for_stop()
            self.diagnose()
        self.look()
        self.ask()

    def _ask_for_stop(self) -> None:
        """Again and again until it is latched: a gate that starts anew has not heard it."""
        if self._stopping is not None and not self._stopping.done():
            self._stop.remove_pending_request(self._stopping)
        self._stopping = self._stop.call_async(Trigger.Request())

    def _watch(self, human: str, robot: str | None) -> None:
        """Video comes only of robots that somebody watches."""
        watched = self._videos.get(human)
        if watched and watched[0] != robot:
            self.destroy_subscription(self._videos.pop(human)[1])
        if robot and (not watched or watched[0] != robot):
            seen = partial(self._on_video, human, robot)
            topic = f"{robot}/{self._video.topic}"
            self._videos[human] = robot, self.create_subscription(CompressedImage, topic, seen, BEST_EFFORT_1)

    def _on_video(self, human: str, robot: str, message: CompressedImage) -> None:
        operator = self.operators.get(human)
        if operator is None or self._videos.get(human, ("",))[0] != robot:
            return
        try:
            operator.see(from_jpeg(bytes(message.data)))
        except ValueError as error:
            self.get_logger().error(f"{robot}/{self._video.topic}: {error}")

    def _on_stopped(self, message: Bool) -> None:
        self._stopped = message.data
        for operator in self.operators.values():
            operator.latched(message.data)

    def _on_report(self, message: PolicyReport) -> None:
        self._report = message
        for operator in self.operators.values():
            self._tell(operator)

    def _tell(self, operator: Operator) -> None:
        table: LeaseTable = self.table
        operator.waiting, operator.threshold = tuple(table.waiting), table.threshold
        operator.uncertainties = dict(zip(self._report.robots, self._report.uncertainties, strict=True))
