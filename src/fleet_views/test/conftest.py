"""Runs one node of a small fleet in this process, with a second node that stands in for all others."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor

from fleet_contract.fleet import Fleet, read_fleet

CONFIG = Path(__file__).parents[3] / "launch/config"
TIMEOUT_S = 120.0
"""Limit for what takes milliseconds on an idle machine."""


class NodeUnderTest:
    """The node under test, and another that publishes and subscribes."""

    def __init__(self, make) -> None:
        self.node = make()
        self.fleet = rclpy.create_node("fleet")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._executor.add_node(self.fleet)

    def wait_for(self, condition):
        until_s = time.monotonic() + TIMEOUT_S
        while not (found := condition()):
            assert time.monotonic() < until_s, f"no success within {TIMEOUT_S:g} s"
            self._executor.spin_once(timeout_sec=0.02)
        return found

    def close(self) -> None:
        self._executor.shutdown()
        self.node.close()
        self.node.destroy_node()
        self.fleet.destroy_node()


@pytest.fixture
def run_dir(tmp_path):
    """Return the run folder of a fleet of two push cells."""
    tree = read_fleet(CONFIG / "block_push.yaml").model_dump(mode="json")
    tree["robots"]["count"], tree["supervisors"]["count"] = 2, 1
    Fleet.model_validate(tree).write(tmp_path / "fleet.yaml")
    return tmp_path


@pytest.fixture
def started(run_dir):
    """Return a function that starts a node in the run folder, with parameters."""
    running = []

    def start(make, **parameters):
        words = [f"run_dir:={run_dir}", *(f"{name}:={value}" for name, value in parameters.items())]
        rclpy.init(args=["--ros-args", *(word for parameter in words for word in ("-p", parameter))])
        running.append(NodeUnderTest(make))
        return running[0]

    yield start
    for node in running:
        node.close()
    rclpy.try_shutdown()
