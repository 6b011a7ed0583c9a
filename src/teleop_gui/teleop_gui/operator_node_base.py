"""Base of nodes with operators' stations: subscribes to video, leases and the emergency stop for each operator."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from rclpy.client import Client
from rclpy.clock import Clock, ClockType
from rclpy.subscription import Subscription
from rclpy.task import Future
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Bool
from std_srvs.srv import Trigger
from typing_extensions import override

from fleet_common.fleet_topics import subscribe_to_signal
from fleet_common.health import Check
from fleet_common.jpeg import from_jpeg
from fleet_common.qos import BEST_EFFORT_1, TRANSIENT_LOCAL_1
from fleet_contract.lease import Lease
from fleet_contract.signal import UNCERTAINTY, Signal
from fleet_contract.topics import (
    EMERGENCY_STOP_RESET_SERVICE,
    EMERGENCY_STOP_SERVICE,
    EMERGENCY_STOPPED_TOPIC,
    FUTURES_TOPIC,
)
from teleop_gui.film_strip import film_strip
from teleop_gui.operator import Operator
from teleop_gui.pointing import pointing_of
from teleop_gui.station import Station
from teleop_gui.station_health import operator_check
from teleop_gui.station_node_base import StationNodeBase

UPDATE_HZ = 30.0
"""Rate at which operators' views and input are processed, Hz."""
REPEAT_UPDATES = 10
"""Number of updates after which an unconfirmed emergency stop is requested again, and changed diagnostics are published."""


class OperatorNodeBase(StationNodeBase):
    """Node with the stations of operators. A subclass shows their views and passes their input to them."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.operators: dict[str, Operator] = {}
        """Operators who have joined, by name."""
        self._pointing = pointing_of(self.robot_contract)
        self._video = self.robot_contract.require_operation().video
        self._videos: dict[str, tuple[str, Subscription[CompressedImage]]] = {}
        self._futures: dict[str, tuple[int, Subscription[CompressedImage]]] = {}
        self._stopped = False
        self._stop_request: Future[Any] | None = None
        self._updates = 0
        self._uncertainties: dict[str, float] = {}
        self._unit = ""
        self._stop_client: Client[Any, Any] = self.create_client(Trigger, EMERGENCY_STOP_SERVICE)
        self._reset_client: Client[Any, Any] = self.create_client(Trigger, EMERGENCY_STOP_RESET_SERVICE)
        self.create_subscription(Bool, EMERGENCY_STOPPED_TOPIC, self._on_stopped, TRANSIENT_LOCAL_1)
        subscribe_to_signal(self, UNCERTAINTY, self._on_signals, TRANSIENT_LOCAL_1)
        self.create_timer(1 / UPDATE_HZ, self._on_timer, clock=Clock(clock_type=ClockType.STEADY_TIME))

    @override
    def checks(self) -> Sequence[Check]:
        return [operator_check(operator) for operator in self.operators.values()]

    @override
    def on_shutdown(self) -> None:
        """Publish the shutdown: operators may leave at any time, and are not reported as missing."""
        self.publish_shutdown()

    def update(self) -> None:
        """Show the current views and handle input; called at `UPDATE_HZ`."""

    def add_operator(self, human: str) -> Operator:
        """Let a person join as this operator."""
        operator = Operator(
            human,
            self._pointing,
            time.monotonic,
            self._request_stop,
            lambda: self._reset_client.call_async(Trigger.Request()),
        )
        operator.set_stopped(self._stopped)
        self.operators[human] = operator
        self.add_stations({human: Station(operator, hard_reset_ticks=1)})
        return operator

    def remove_operator(self, human: str) -> None:
        """Let the operator leave."""
        self.operators.pop(human).assign(None)
        self._subscribe_to_video(human, None)
        self._subscribe_to_futures(human, None)
        self.remove_station(human)

    @override
    def accepts(self, supervisor: str, robot: str) -> bool:
        return self.operators[supervisor].accepts(robot)

    @override
    def on_leases(self, leases: Mapping[str, Lease]) -> None:
        for human, operator in self.operators.items():
            lease = leases.get(human)
            operator.assign(lease)
            self._subscribe_to_video(human, lease.robot if lease else None)
            self._subscribe_to_futures(human, lease)
            self._update_uncertainty(operator)

    def _on_timer(self) -> None:
        for human, operator in self.operators.items():
            if operator.take_hand_back() and not self.hand_back(human):
                operator.cancel_hand_back()
        self._updates += 1
        if self._updates % REPEAT_UPDATES == 0:
            if any(operator.stop_requested for operator in self.operators.values()):
                self._request_stop()
            self.diagnose()
        self.update()
        self.poll_supervisors()

    def _request_stop(self) -> None:
        """Request the emergency stop; repeated until it is latched, because a restarting gate misses requests."""
        if self._stop_request is not None and not self._stop_request.done():
            self._stop_client.remove_pending_request(self._stop_request)
        self._stop_request = self._stop_client.call_async(Trigger.Request())

    def _subscribe_to_video(self, human: str, robot: str | None) -> None:
        """Subscribe to the video of the operator's robot, and of no other."""
        subscribed = self._videos.get(human)
        if subscribed and subscribed[0] != robot:
            self.destroy_subscription(self._videos.pop(human)[1])
        if robot and (not subscribed or subscribed[0] != robot):
            on_video = partial(self._on_video, human, robot)
            topic = f"{robot}/{self._video.topic}"
            self._videos[human] = robot, self.create_subscription(CompressedImage, topic, on_video, BEST_EFFORT_1)

    def _on_video(self, human: str, robot: str, message: CompressedImage) -> None:
        operator = self.operators.get(human)
        if operator is None or self._videos.get(human, ("",))[0] != robot:
            return
        try:
            operator.add_picture(from_jpeg(bytes(message.data)))
        except ValueError as error:
            self.get_logger().error(f"{robot}/{self._video.topic}: {error}")

    def _subscribe_to_futures(self, human: str, lease: Lease | None) -> None:
        """Subscribe to the imagined futures of the operator's robot while a signal has called for them."""
        token, subscribed = lease.token if lease and lease.is_alarm else 0, self._futures.get(human)
        if subscribed and subscribed[0] != token:
            self.destroy_subscription(self._futures.pop(human)[1])
        if lease and lease.is_alarm and (not subscribed or subscribed[0] != token):
            on_futures = partial(self._on_futures, human, lease, self.table.stamp)
            topic = f"{lease.robot}/{FUTURES_TOPIC}"
            self._futures[human] = (
                token,
                self.create_subscription(CompressedImage, topic, on_futures, TRANSIENT_LOCAL_1),
            )

    def _on_futures(self, human: str, lease: Lease, since: tuple[int, int], message: CompressedImage) -> None:
        """Show futures that are not older than the lease, which began at the stamp `since`; others are of an earlier alarm."""
        operator, stamp = self.operators.get(human), message.header.stamp
        if operator is None or operator.token != lease.token or (stamp.sec, stamp.nanosec) < since:
            return
        try:
            operator.add_futures(film_strip(bytes(message.data)))
        except ValueError as error:
            self.get_logger().error(f"{lease.robot}/{FUTURES_TOPIC}: {error}")

    def _on_stopped(self, message: Bool) -> None:
        self._stopped = message.data
        for operator in self.operators.values():
            operator.set_stopped(message.data)

    def _on_signals(self, signals: list[Signal]) -> None:
        self._uncertainties, self._unit = signals[-1].by_robot, signals[-1].unit
        for operator in self.operators.values():
            self._update_uncertainty(operator)

    def _update_uncertainty(self, operator: Operator) -> None:
        operator.waiting, operator.threshold = self.table.waiting, self.table.threshold(UNCERTAINTY)
        operator.uncertainties, operator.unit = self._uncertainties, self._unit
