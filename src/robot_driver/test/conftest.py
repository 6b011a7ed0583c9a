"""Fixtures of tests with real topics: ROS in this process, and nodes that spin in a thread of their own."""

from __future__ import annotations

import threading

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor


@pytest.fixture(scope="module")
def ros():
    rclpy.init()
    yield
    rclpy.shutdown()


class BackgroundNodes:
    """Spins nodes in a thread of their own, as another process would."""

    def __init__(self, nodes):
        self._executor = SingleThreadedExecutor()
        self._nodes = nodes
        for node in nodes:
            self._executor.add_node(node)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def _spin(self):
        while not self._ended.is_set():
            self._executor.spin_once(timeout_sec=0.02)

    def end(self):
        self._ended.set()
        self._thread.join()
        self._executor.shutdown()
        for node in self._nodes:
            node.destroy_node()
