"""What computes signals learns in rounds over ROS 2: versions are published, resumed, waited for in lockstep, and refused."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fleet_interfaces.msg import LeaseTable, RobotActions, RobotStates, Signal, SignalVersion
from rclpy.executors import SingleThreadedExecutor

from fleet_common.qos import TRANSIENT_LOCAL_100, TRANSIENT_LOCAL_1000
from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.fleet import read_fleet
from fleet_contract.robot_actions import fill_robot_actions
from fleet_contract.validation import InputError
from fleet_learning.signal_node import SignalNode
from fleet_learning.signal_provider import read_provider
from fleet_learning.signal_trainer_node import SignalTrainerNode
from fleet_learning.tensor_file import file_digest

FLEET = read_fleet(Path(__file__).parents[3] / "launch/config/mobile_base.yaml")
ROBOTS, TIMEOUT_S = FLEET.robots.count, 30.0


class Around:
    """The rest of the fleet: its robots, its policy, and a subscription to what the nodes under test publish."""

    def __init__(self, folder):
        self.folder, self.nodes = folder, []
        self.rest = rclpy.create_node("rest")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.rest)
        self.values, self.versions, self.statuses = [], [], []
        listen = self.rest.create_subscription
        listen(Signal, "fleet/signals/count", self.values.append, TRANSIENT_LOCAL_1000)
        listen(SignalVersion, "fleet/signal_version", self.versions.append, TRANSIENT_LOCAL_1000)
        listen(DiagnosticArray, "/diagnostics", lambda own: self.statuses.extend(own.status), TRANSIENT_LOCAL_1000)
        self.states = self.publisher(RobotStates, "fleet/states")
        self.proposed = self.publisher(RobotActions, "fleet/policy_actions")
        self.released = self.publisher(RobotActions, "fleet/actions")
        self.leases = self.publisher(LeaseTable, "fleet/leases")
        self.made = self.publisher(SignalVersion, "fleet/signal_version")

    def publisher(self, kind, topic):
        return self.rest.create_publisher(kind, topic, TRANSIENT_LOCAL_100)

    def start(self, kind):
        node = kind()
        self.nodes.append(node)
        self.executor.add_node(node)
        return node

    def observe(self, tick):
        """Publish the states of a tick, and the policy's actions."""
        names, zeros = FLEET.robot_names, [0] * ROBOTS
        stamp = Time(sec=tick)
        message = RobotStates(
            tick=tick,
            robots=names,
            episodes=zeros,
            values=[0.1] * ROBOTS * FLEET.contract().state_dim,
            violated=[False] * ROBOTS,
            succeeded=[False] * ROBOTS,
            rewards=[0.0] * ROBOTS,
            successes=zeros,
            hard_resets=zeros,
            unreachable=[""] * ROBOTS,
        )
        message.header.stamp = stamp
        self.states.publish(message)
        self._act(self.proposed, tick)

    def release(self, tick):
        """Publish the leases of a tick, and the actions that the gate releases."""
        self.leases.publish(LeaseTable(tick=tick))
        self._act(self.released, tick)

    def _act(self, publisher, tick):
        action = RobotAction(tick, ActionKind.MOVE, ActionSource.POLICY, (0.0,) * FLEET.contract().action_dim)
        message = RobotActions()
        fill_robot_actions(
            message, dict.fromkeys(FLEET.robot_names, action), Time(sec=tick), FLEET.contract().action_dim
        )
        publisher.publish(message)

    def version(self, number, due, count, digest=""):
        """Publish a version whose signals have this value."""
        path = self.folder / f"v{number}"
        path.write_text(str(count))
        digest = digest or file_digest(path)
        self.made.publish(SignalVersion(signals=["count"], version=number, due_tick=due, path=str(path), digest=digest))

    def wait_for(self, condition):
        until_s = time.monotonic() + TIMEOUT_S
        while not condition():
            assert time.monotonic() < until_s, "timeout"
            self.executor.spin_once(timeout_sec=0.02)

    def spin(self, seconds):
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            self.executor.spin_once(timeout_sec=0.02)

    def newest(self, name):
        return next((status for status in reversed(self.statuses) if status.name == name), None)

    def end(self, node):
        self.executor.remove_node(node)
        node.close()
        node.destroy_node()
        self.nodes.remove(node)

    def close(self):
        for node in list(self.nodes):
            self.end(node)
        self.executor.shutdown()
        self.rest.destroy_node()


def fleet_with(folder, mode="lockstep", provider="counting_signal:Counting"):
    path = folder / "start"
    path.write_text("1000")
    selection = {"provider": provider, "names": ["count"], "checkpoint": path, "learns": True}
    changes = {"signals": [selection], "training": {"update_ticks": (2, 3)}, "tick": {"mode": mode}}
    return FLEET.with_changes(source="test", **changes)


@pytest.fixture(params=["lockstep"])
def around(tmp_path, request):
    fleet_with(tmp_path, request.param).write(tmp_path / "fleet.yaml")
    rclpy.init(args=["--ros-args", "-p", f"run_dir:={tmp_path}"])
    around = Around(tmp_path)
    yield around
    around.close()
    rclpy.shutdown()


def seen(around):
    return [(signal.tick, signal.values[0], signal.version) for signal in around.values]


def test_in_lockstep_a_tick_waits_for_the_version_that_is_due_for_it(around):
    around.start(SignalNode)
    for tick in range(2):
        around.observe(tick)
        around.wait_for(lambda tick=tick: len(around.values) == tick + 1)
    around.observe(2)
    around.spin(0.5)
    assert seen(around) == [(0, 1000.0, 1), (1, 1000.0, 1)]
    around.version(2, due=2, count=7)
    around.wait_for(lambda: len(around.values) == 3)
    assert seen(around)[2] == (2, 7.0, 2)


def test_a_version_that_arrives_early_waits_for_its_tick(around):
    around.start(SignalNode)
    around.version(2, due=2, count=7)
    around.spin(0.3)
    for tick in range(3):
        around.observe(tick)
        around.wait_for(lambda tick=tick: len(around.values) == tick + 1)
    assert seen(around) == [(0, 1000.0, 1), (1, 1000.0, 1), (2, 7.0, 2)]


@pytest.mark.parametrize("around", ["real_time"], indirect=True)
def test_in_real_time_a_tick_does_not_wait(around):
    around.start(SignalNode)
    for tick in range(4):
        if tick == 3:
            around.version(2, due=2, count=7)
            around.spin(0.3)
        around.observe(tick)
        around.wait_for(lambda tick=tick: len(around.values) == tick + 1)
    assert seen(around) == [(0, 1000.0, 1), (1, 1000.0, 1), (2, 1000.0, 1), (3, 7.0, 2)]


def test_a_version_that_cannot_be_used_is_an_error_and_the_one_before_stays(around):
    around.start(SignalNode)
    around.version(2, due=2, count=7, digest="0" * 64)
    around.observe(2)
    around.wait_for(lambda: around.values)
    assert seen(around) == [(2, 1000.0, 2)]
    around.wait_for(lambda: around.newest("signals: version"))
    around.wait_for(lambda: around.newest("signals: version").level == DiagnosticStatus.ERROR)
    assert around.newest("signals: version").message == (
        f"version 2 is not served: {around.folder / 'v2'}: expected another file."
    )
    around.version(3, due=3, count=9)
    around.observe(3)
    around.wait_for(lambda: len(around.values) == 2)
    assert seen(around)[1] == (3, 9.0, 3)
    around.wait_for(lambda: around.newest("signals: version").level == DiagnosticStatus.OK)


def test_versions_of_other_signals_do_not_count(around):
    around.start(SignalNode)
    around.made.publish(SignalVersion(signals=["risk"], version=2, due_tick=0, path="nowhere"))
    around.observe(1)
    around.wait_for(lambda: around.values)
    around.observe(2)
    around.spin(0.5)
    assert seen(around) == [(1, 1000.0, 1)]


def test_the_trainer_publishes_a_version_of_every_round_and_a_restarted_one_resumes(around):
    trainer = around.start(SignalTrainerNode)
    for tick in range(3):
        around.observe(tick)
        if tick < 2:
            around.release(tick)
    around.wait_for(lambda: around.versions)
    path = around.folder / "signals/count/version_002.safetensors"
    (version,) = around.versions
    assert (version.signals, version.version, version.due_tick) == (["count"], 2, 2)
    assert (version.path, version.digest) == (str(path), file_digest(path))
    assert (version.robot_steps, path.read_text()) == (2 * ROBOTS, str(1000 + 2 * ROBOTS))
    assert version.training_s >= 0
    around.wait_for(lambda: around.newest("signal_trainer: training"))
    around.end(trainer)
    around.versions.clear()
    around.start(SignalTrainerNode)
    around.wait_for(lambda: around.versions)
    assert (around.versions[0].version, around.versions[0].digest) == (2, file_digest(path))
    around.release(2)
    around.observe(3)
    around.wait_for(lambda: len(around.versions) == 2)
    assert (around.versions[1].version, around.versions[1].due_tick) == (3, 3)
    # The robots' steps of the first round, which the restarted trainer has received again, are not learned twice.
    assert Path(around.versions[1].path).read_text() == str(1000 + 3 * ROBOTS)


def test_nodes_together_are_in_step(around):
    for kind in (SignalNode, SignalTrainerNode):
        around.start(kind)
    for tick in range(4):
        around.observe(tick)
        around.wait_for(lambda tick=tick: len(around.values) == tick + 1)
        around.release(tick)
    assert seen(around) == [
        (0, 1000.0, 1),
        (1, 1000.0, 1),
        (2, 1000.0 + 2 * ROBOTS, 2),
        (3, 1000.0 + 3 * ROBOTS, 3),
    ]


def test_a_provider_that_cannot_learn_is_refused(tmp_path):
    fleet = fleet_with(tmp_path, provider="counting_signal:Stubborn")
    with pytest.raises(InputError) as refused:
        read_provider(fleet.signals[0], fleet)
    assert str(refused.value) == (
        "signals.learns: expected false with provider counting_signal:Stubborn, which cannot learn, got true."
    )
