"""What a node tells of itself is heard as ROS's own tools take it: at once when it changes, and every second."""

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
from fleet_contract.fleet import Fleet, read_fleet

CONFIG = Path(__file__).parents[3] / "launch/config"
PATIENCE_S = 20.0
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


class Frail(FleetNode):
    """Is as well as it is told to be."""

    def __init__(self) -> None:
        super().__init__("frail")
        self.level = Level.OK

    def checks(self) -> list[Check]:
        return [
            Check("heart", self.level, "beats", {"rate (Hz)": 1 / 3, "beats": 7}),
            Check("presence", Level.OK, "present", hardware_id="robot_01"),
        ]


class Heard:
    """A node of a fleet, and everything that is heard of it."""

    def __init__(self, node: FleetNode) -> None:
        self.node = node
        self.messages: list[DiagnosticArray] = []
        self._listener = rclpy.create_node("listener")
        self._listener.create_subscription(DiagnosticArray, "/diagnostics", self.messages.append, TRANSIENT_LOCAL_1000)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)
        self._executor.add_node(self._listener)

    def wait_for(self, count: int) -> None:
        until_s = time.monotonic() + PATIENCE_S
        while len(self.messages) < count:
            assert time.monotonic() < until_s, "in vain"
            self._executor.spin_once(timeout_sec=0.02)

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        self._listener.destroy_node()


@pytest.fixture
def heard(tmp_path, request):
    tree = read_fleet(CONFIG / "block_push.yaml").model_dump(mode="json")
    Fleet.model_validate(tree).write(tmp_path / "fleet.yaml")
    rclpy.init(args=["--ros-args", "-p", f"run_dir:={tmp_path}"])
    heard = Heard(request.param())
    yield heard
    heard.close()
    rclpy.shutdown()


@pytest.mark.parametrize("heard", [Frail], indirect=True)
def test_a_change_is_told_at_once_and_only_once(heard):
    for timer in list(heard.node.timers):
        heard.node.destroy_timer(timer)
    for level in (Level.OK, Level.OK, Level.WARN, Level.WARN, Level.ERROR, Level.OK):
        heard.node.level = level
        heard.node.diagnose()
    heard.wait_for(4)
    levels = [message.status[0].level for message in heard.messages]
    assert levels == [DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR, DiagnosticStatus.OK]


@pytest.mark.parametrize("heard", [Frail], indirect=True)
def test_everything_is_told_again_and_again_with_time_unit_and_owner(heard):
    heard.wait_for(2)
    stamps = [message.header.stamp.sec + message.header.stamp.nanosec * 1e-9 for message in heard.messages]
    assert stamps[1] - stamps[0] > 0
    assert abs(stamps[1] - time.time()) < PATIENCE_S
    heart, presence = heard.messages[1].status
    assert (heart.name, heart.hardware_id) == ("frail: heart", "block_push")
    assert [(value.key, value.value) for value in heart.values] == [("rate (Hz)", "0.3333"), ("beats", "7")]
    assert (presence.name, presence.hardware_id) == ("frail: robot_01 presence", "robot_01")


@pytest.mark.parametrize("heard", [lambda: FleetNode("quiet")], indirect=True)
def test_a_node_with_nothing_to_tell_says_that_it_is_alive(heard):
    heard.wait_for(1)
    (status,) = heard.messages[0].status
    assert (status.name, status.level) == ("quiet: heartbeat", DiagnosticStatus.OK)


@pytest.mark.parametrize("heard", [Frail], indirect=True)
def test_who_takes_leave_says_so_of_everything(heard):
    heard.node.publish_shutdown()
    heard.wait_for(1)
    assert [check_from_status(status).has_ended for status in heard.messages[-1].status] == [True, True]
    assert {status.level for status in heard.messages[-1].status} == {DiagnosticStatus.STALE}


@given(st.builds(Check, TEXTS, st.sampled_from(Level), TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3), TEXTS))
def test_what_is_told_is_what_is_heard(check):
    assert check_from_status(diagnostic_status(check)) == check


def test_a_level_that_does_not_exist_is_an_error():
    assert check_from_status(DiagnosticStatus(level=b"\x07")).level is Level.ERROR
