"""Somebody who looks at a fleet that runs."""

from __future__ import annotations

import time

import rclpy
from fleet_interfaces.msg import LeaseTable
from running import TIMEOUT_S


class Watcher:
    """A node of theirs."""

    def __init__(self) -> None:
        self.node = rclpy.create_node("watcher")
        self._tick: int | None = None
        self.node.create_subscription(LeaseTable, "fleet/leases", self._on_leases, 1)

    def _on_leases(self, message: LeaseTable) -> None:
        self._tick = message.tick

    def wait_for_ticks(self, more: int = 4) -> None:
        """Until the fleet has gone on for so many ticks from now."""
        end, last = time.monotonic() + TIMEOUT_S, None
        self._tick = None
        while last is None or self._tick < last:
            assert time.monotonic() < end, "the fleet stands still"
            rclpy.spin_once(self.node, timeout_sec=0.1)
            last = self._tick + more if last is None and self._tick is not None else last
