"""Hears what all nodes tell of themselves, and tells the whole."""

from __future__ import annotations

import time
from typing import NoReturn

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType

from fleet_common.diagnostics import array_of, check_of, status_of
from fleet_common.node import NEWEST, FleetNode, run_process
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
        self._all = self.create_publisher(DiagnosticArray, "/diagnostics_agg", NEWEST)
        self._worst = self.create_publisher(DiagnosticStatus, "/diagnostics_toplevel_state", NEWEST)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, HEARD)
        self.create_timer(REPORT_S, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        now_s = time.monotonic()
        changed = [self._aggregation.hear(check_of(status), now_s) for status in message.status]
        if any(changed):
            self._report()

    def _report(self) -> None:
        items = self._aggregation.items(time.monotonic())
        self._all.publish(array_of(report(items), self.get_clock().now().to_msg()))
        self._worst.publish(status_of(top_level(items, self.fleet.fleet)))


def main() -> NoReturn:
    """Run the node."""
    run_process(DiagnosticsNode)
