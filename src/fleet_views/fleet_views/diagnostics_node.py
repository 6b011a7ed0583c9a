"""Hears what all nodes tell of themselves, and tells the whole."""

from __future__ import annotations

import time
from typing import NoReturn

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType

from fleet_common.diagnostics import check_from_status, diagnostic_array, diagnostic_status
from fleet_common.node import FleetNode, run_process
from fleet_common.qos import TRANSIENT_LOCAL_1
from fleet_views.aggregation import Aggregation, report, top_level

REPORT_S = 1.0
HEARD = 1000
"""Messages that wait for this node; from nodes that are there, not what they have said before."""


class DiagnosticsNode(FleetNode):
    """Once a second, and at once when something is at another level."""

    def __init__(self) -> None:
        super().__init__("diagnostics")
        parts = self.fleet.robot_names + self.fleet.supervisor_names
        self._aggregation = Aggregation([self.fleet.fleet, *parts])
        self._all = self.create_publisher(DiagnosticArray, "/diagnostics_agg", TRANSIENT_LOCAL_1)
        self._worst = self.create_publisher(DiagnosticStatus, "/diagnostics_toplevel_state", TRANSIENT_LOCAL_1)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, HEARD)
        self.create_timer(REPORT_S, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        now_s = time.monotonic()
        changed = [self._aggregation.hear(check_from_status(status), now_s) for status in message.status]
        if any(changed):
            self._report()

    def _report(self) -> None:
        items = self._aggregation.items(time.monotonic())
        self._all.publish(diagnostic_array(report(items), self.get_clock().now().to_msg()))
        self._worst.publish(diagnostic_status(top_level(items, self.fleet.fleet)))


def main() -> NoReturn:
    """Run the node."""
    run_process(DiagnosticsNode)
