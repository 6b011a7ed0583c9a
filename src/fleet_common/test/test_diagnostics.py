"""Nodes publish their checks as diagnostic_msgs every second, and immediately when a level changes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from hypothesis import given
from hypothesis import strategies as st
from rclpy.executors import SingleThreadedExecutor

from fleet_common.diagnostics import check_from_status, diagnostic_status
from fleet_common.health import Check, Level
from fleet_common.node import FleetNode
from fleet_common.qos import TRANSIENT_LOCAL_1000
from fleet_contract.fleet import read_fleet

CONFIG = Path(__file__).parents[3] / "launch/config"
PATIENCE_S = 20.0
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


class Patient(FleetNode):
    """A node whose level the test sets."""

    def __init__(self) -> None:
        super().__init__("patient")
        self.level = Level.OK

    def checks(self) -> list[Check]:
        return [
            Check("heart", self.level, "beats", {"rate (Hz)": 1 / 3, "beats": 7}),
            Check("presence", Level.OK, "present", hardware_id="robot_01"),
        ]


class Listener:
    """A node, and all diagnostics that it publishes."""

    def __init__(self, node: FleetNode) -> None:
        self.node = node
        self.messages: list[DiagnosticArray] = []
        self._node = rclpy.create_node("listener")
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self.messages.append, TRANSIENT_LOCAL_1000)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)
        self._executor.add_node(self._node)

    def wait_for(self, count: int) -> None:
        until_s = time.monotonic() + PATIENCE_S
        while len(self.messages) < count:
            assert time.monotonic() < until_s, f"timed out after {len(self.messages)} messages"
            self._executor.spin_once(timeout_sec=0.02)

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        self._node.destroy_node()


@pytest.fixture
def listener(tmp_path, request):
    read_fleet(CONFIG / "block_push.yaml").write(tmp_path / "fleet.yaml")
    rclpy.init(args=["--ros-args", "-p", f"run_dir:={tmp_path}"])
    listener = Listener(request.param())
    yield listener
    listener.close()
    rclpy.shutdown()


@pytest.mark.parametrize("listener", [Patient], indirect=True)
def test_a_change_of_level_is_published_immediately_and_once(listener):
    for timer in list(listener.node.timers):
        listener.node.destroy_timer(timer)
    for level in (Level.OK, Level.OK, Level.WARN, Level.WARN, Level.ERROR, Level.OK):
        listener.node.level = level
        listener.node.diagnose()
    listener.wait_for(4)
    levels = [message.status[0].level for message in listener.messages]
    assert levels == [DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR, DiagnosticStatus.OK]


@pytest.mark.parametrize("listener", [Patient], indirect=True)
def test_checks_are_published_periodically_with_time_unit_and_subject(listener):
    listener.wait_for(2)
    stamps = [message.header.stamp.sec + message.header.stamp.nanosec * 1e-9 for message in listener.messages]
    assert stamps[1] - stamps[0] > 0
    assert abs(stamps[1] - time.time()) < PATIENCE_S
    heart, presence = listener.messages[1].status
    assert (heart.name, heart.hardware_id) == ("patient: heart", "block_push")
    assert [(value.key, value.value) for value in heart.values] == [("rate (Hz)", "0.3333"), ("beats", "7")]
    assert (presence.name, presence.hardware_id) == ("patient: robot_01 presence", "robot_01")


@pytest.mark.parametrize("listener", [lambda: FleetNode("quiet")], indirect=True)
def test_a_node_without_checks_publishes_that_it_is_alive(listener):
    listener.wait_for(1)
    (status,) = listener.messages[0].status
    assert (status.name, status.level) == ("quiet: heartbeat", DiagnosticStatus.OK)


@pytest.mark.parametrize("listener", [Patient], indirect=True)
def test_shutdown_ends_all_checks(listener):
    listener.node.publish_shutdown()
    listener.wait_for(1)
    assert [check_from_status(status).has_ended for status in listener.messages[-1].status] == [True, True]
    assert {status.level for status in listener.messages[-1].status} == {DiagnosticStatus.STALE}


@given(st.builds(Check, TEXTS, st.sampled_from(Level), TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3), TEXTS))
def test_a_check_survives_the_conversion_to_a_message_and_back(check):
    assert check_from_status(diagnostic_status(check)) == check


def test_an_unknown_level_is_an_error():
    assert check_from_status(DiagnosticStatus(level=b"\x07")).level is Level.ERROR
