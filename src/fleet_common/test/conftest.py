"""Two nodes of one process that exchange messages."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import rclpy
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

TIMEOUT_S = 60.0
"""Limit for what takes milliseconds on an idle machine."""


class Peers:
    """A node under test, and another that publishes and subscribes."""

    def __init__(self, make: Callable[[], Node]) -> None:
        self.node, self.rest = make(), rclpy.create_node("rest")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._executor.add_node(self.rest)

    def wait_for(self, condition: Callable[[], Any]) -> Any:
        """Spin both nodes until the condition is true."""
        until_s = time.monotonic() + TIMEOUT_S
        while not (found := condition()):
            assert time.monotonic() < until_s, "timeout"
            self._executor.spin_once(timeout_sec=0.02)
        return found

    def spin(self, seconds: float) -> None:
        """Spin both nodes for a time."""
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            self._executor.spin_once(timeout_sec=0.02)

    @staticmethod
    def deliver(publisher: Any, *messages: Any) -> None:
        """Publish messages, and wait until they have arrived; no node handles them yet."""
        until_s = time.monotonic() + TIMEOUT_S
        while not publisher.get_subscription_count():
            assert time.monotonic() < until_s, "timeout"
            time.sleep(0.01)
        for message in messages:
            publisher.publish(message)
        assert publisher.wait_for_all_acked(Duration(seconds=TIMEOUT_S))

    def close(self) -> None:
        self._executor.shutdown()
        for node in (self.node, self.rest):
            node.destroy_node()


@pytest.fixture
def start():
    """Return a function that starts a node, with parameters, beside another."""
    peers: list[Peers] = []

    def started(make: Callable[[], Node], **parameters: Any) -> Peers:
        words = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
        rclpy.init(args=["--ros-args", *words] if words else None)
        peers.append(Peers(make))
        return peers[0]

    yield started
    for at in peers:
        at.close()
    rclpy.try_shutdown()
