"""Subscribes to all nodes' diagnostics and publishes their aggregation."""

from __future__ import annotations

import time
from typing import NoReturn

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType

from fleet_common.diagnostics import check_from_status, diagnostic_array, diagnostic_status
from fleet_common.node import FleetNode, run_process
from fleet_common.qos import TRANSIENT_LOCAL_1
from fleet_contract.topics import DIAGNOSTICS_AGGREGATED_TOPIC, DIAGNOSTICS_TOP_LEVEL_TOPIC, DIAGNOSTICS_TOPIC
from fleet_views.aggregation import Aggregation, report, top_level

REPORT_S = 1.0
"""Seconds between two reports in which no level has changed."""
QUEUE_DEPTH = 1000
"""Reports that may wait for this node. The subscription is volatile: reports of nodes that have exited do not count."""


class DiagnosticsNode(FleetNode):
    """Publishes the aggregation once a second, and at once when a level changes."""

    def __init__(self) -> None:
        super().__init__("diagnostics")
        parts = self.fleet.robot_names + self.fleet.supervisor_names
        self._aggregation = Aggregation([self.fleet.fleet, *parts])
        self._aggregated = self.create_publisher(DiagnosticArray, DIAGNOSTICS_AGGREGATED_TOPIC, TRANSIENT_LOCAL_1)
        self._top_level = self.create_publisher(DiagnosticStatus, DIAGNOSTICS_TOP_LEVEL_TOPIC, TRANSIENT_LOCAL_1)
        self.create_subscription(DiagnosticArray, DIAGNOSTICS_TOPIC, self._on_diagnostics, QUEUE_DEPTH)
        self.create_timer(REPORT_S, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        now_s = time.monotonic()
        changed = [self._aggregation.add(check_from_status(status), now_s) for status in message.status]
        if any(changed):
            self._report()

    def _report(self) -> None:
        items = self._aggregation.items(time.monotonic())
        self._aggregated.publish(diagnostic_array(report(items), self.get_clock().now().to_msg()))
        self._top_level.publish(diagnostic_status(top_level(items, self.fleet.fleet)))


def main() -> NoReturn:
    """Run the node."""
    run_process(DiagnosticsNode)
