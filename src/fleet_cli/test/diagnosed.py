"""What is told on the topics of diagnostics, heard by a node of no fleet, and the conventions that it must keep."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from running import TIMEOUT_S

from fleet_contract.fleet import Fleet

NUMBER = re.compile(r"-?\d+\.\d+(e[+-]\d+)?")


class Diagnosed:
    """Everything that a node hears."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.raw: list[DiagnosticStatus] = []
        """Statuses as nodes tell them."""
        self.tops: list[DiagnosticStatus] = []
        """Top-level states."""
        self.all: dict[str, DiagnosticStatus] = {}
        """The newest aggregated statuses by name."""
        node.create_subscription(DiagnosticArray, "/diagnostics", lambda message: self.raw.extend(message.status), 100)
        node.create_subscription(DiagnosticArray, "/diagnostics_agg", self._on_all, 10)
        node.create_subscription(DiagnosticStatus, "/diagnostics_toplevel_state", self.tops.append, 10)

    def _on_all(self, message: DiagnosticArray) -> None:
        self.all = {status.name: status for status in message.status}

    def wait_for(self, condition: Callable[[], bool]) -> None:
        until_s = time.monotonic() + TIMEOUT_S
        while not condition():
            assert time.monotonic() < until_s, [(s.name, s.level, s.message) for s in self.all.values()]
            rclpy.spin_once(self._node, timeout_sec=0.1)

    @property
    def nodes(self) -> set[str]:
        """Who has told something."""
        return {status.name.split(":")[0] for status in self.raw}


def breach(status: DiagnosticStatus, fleet: Fleet) -> str:
    """Which convention a status of a node does not keep; empty if all are kept."""
    if not re.fullmatch(r"\w+: \S.*\S", status.name) or "/" in status.name:
        return f"{status.name}: not NODE: CHECK"
    if status.hardware_id not in {fleet.fleet, *fleet.robot_names, *fleet.supervisor_names}:
        return f"{status.name}: about {status.hardware_id}"
    if status.level not in {b"\x00", b"\x01", b"\x02", b"\x03"} or not status.message:
        return f"{status.name}: level {status.level}, message {status.message!r}"
    keys = [value.key for value in status.values]
    without = [value.key for value in status.values if NUMBER.fullmatch(value.value) and not value.key.endswith(")")]
    return f"{status.name}: {keys}" if without or len(set(keys)) < len(keys) or not all(keys) else ""
