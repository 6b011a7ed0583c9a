"""A policy node that cannot deploy a version continues with the old one; a trainer whose training fails reports it and ends."""

from __future__ import annotations

import time
from hashlib import sha256
from pathlib import Path

import pytest
import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fleet_interfaces.msg import LeaseTable, PolicyVersion, RobotActions, RobotStates, Signal
from rclpy.executors import SingleThreadedExecutor

from fleet_common.qos import TRANSIENT_LOCAL_100, TRANSIENT_LOCAL_1000
from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.fleet import Fleet, read_fleet
from fleet_contract.robot_actions import fill_robot_actions
from fleet_learning.labels import Label
from fleet_learning.policy_node import PolicyNode
from fleet_learning.policy_store import PolicyStore
from fleet_learning.trainer_node import TrainerNode
from fleet_learning.version_folder import FIRST_TRAINED_VERSION

FLEET = read_fleet(Path(__file__).parents[3] / "launch/config/mobile_base.yaml")
TIMEOUT_S = 30.0


class Around:
    """The rest of the fleet: robots that publish observations, and a subscription to the node's diagnostics."""

    def __init__(self, node) -> None:
        self.node, self.rest = node, rclpy.create_node("rest")
        self.received: list[DiagnosticStatus] = []
        self.rest.create_subscription(
            DiagnosticArray, "/diagnostics", lambda m: self.received.extend(m.status), TRANSIENT_LOCAL_1000
        )
        self.states = self.publisher(RobotStates, "fleet/states")
        self.actions = self.publisher(RobotActions, "fleet/actions")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(node)
        self.executor.add_node(self.rest)

    def publisher(self, kind, topic):
        return self.rest.create_publisher(kind, topic, TRANSIENT_LOCAL_100)

    def observe(self, tick, episode=0) -> None:
        names = FLEET.robot_names
        self.states.publish(
            RobotStates(
                tick=tick,
                robots=names,
                episodes=[episode] * len(names),
                values=[0.1] * len(names) * FLEET.contract().state_dim,
                violated=[False] * len(names),
                succeeded=[False] * len(names),
                rewards=[0.0] * len(names),
                successes=[0] * len(names),
                hard_resets=[0] * len(names),
                unreachable=[""] * len(names),
            )
        )

    def act(self, action) -> None:
        """Publish that the gate has released the same action to all robots."""
        message = RobotActions()
        fill_robot_actions(message, dict.fromkeys(FLEET.robot_names, action), Time(), FLEET.contract().action_dim)
        self.actions.publish(message)

    def wait_for(self, condition) -> None:
        until_s = time.monotonic() + TIMEOUT_S
        while not condition():
            assert time.monotonic() < until_s, "timeout"
            self.executor.spin_once(timeout_sec=0.02)

    def newest(self, name) -> DiagnosticStatus | None:
        return next((status for status in reversed(self.received) if status.name == name), None)

    def is_at(self, name, level) -> bool:
        status = self.newest(name)
        return status is not None and status.level == level

    def has_value(self, name, key, value) -> bool:
        status = self.newest(name)
        return status is not None and value in {item.value for item in status.values if item.key == key}

    def close(self) -> None:
        self.executor.shutdown()
        self.node.close()
        self.node.destroy_node()
        self.rest.destroy_node()


@pytest.fixture
def around(tmp_path, request):
    tree = FLEET.model_dump(mode="json")
    kind, weighting = request.param if isinstance(request.param, tuple) else (request.param, "uniform")
    tree["training"] |= {"update_ticks": [1], "gradient_steps": 2, "weighting": weighting}
    Fleet.model_validate(tree).write(tmp_path / "fleet.yaml")
    rclpy.init(args=["--ros-args", "-p", f"run_dir:={tmp_path}"])
    around = Around(kind())
    yield around
    around.close()
    rclpy.shutdown()


SHIPPED = FLEET.policy.require_checkpoint().read_bytes()


@pytest.mark.parametrize("around", [PolicyNode], indirect=True)
@pytest.mark.parametrize(
    ("content", "digest", "sentence"),
    [
        (SHIPPED[:1000], sha256(SHIPPED[:1000]).hexdigest(), "expected a checkpoint, got no complete safetensors file"),
        (SHIPPED, "0" * 64, "expected the file with sha256 000000"),
        (SHIPPED[:1000], sha256(SHIPPED).hexdigest(), "expected the file with sha256 "),
    ],
    ids=["truncated by its writer", "another file", "truncated after its writing"],
)
def test_a_version_that_cannot_be_deployed_is_an_error_and_the_old_one_is_served(
    around, tmp_path, monkeypatch, content, digest, sentence
):
    path = tmp_path / "version_002.safetensors"
    path.write_bytes(content)
    around.wait_for(lambda: around.is_at("policy: version", DiagnosticStatus.OK))
    versions = around.publisher(PolicyVersion, "fleet/policy_version")
    versions.publish(PolicyVersion(version=2, path=str(path), digest=digest))
    around.wait_for(lambda: around.is_at("policy: version", DiagnosticStatus.ERROR))
    assert f"{path}: {sentence}" in around.newest("policy: version").message
    signals = []
    around.rest.create_subscription(Signal, "fleet/signals/uncertainty", signals.append, TRANSIENT_LOCAL_1000)
    decided, decisions_s, observed_s = around.node._health.decided, [], time.monotonic()
    monkeypatch.setattr(around.node._health, "decided", lambda *args: decisions_s.append(args[0]) or decided(*args))
    around.observe(0)
    around.wait_for(lambda: signals)
    assert signals[0].version == 1
    assert list(signals[0].robots) == list(FLEET.robot_names)
    assert (signals[0].name, signals[0].unit) == ("uncertainty", "nats")
    around.wait_for(lambda: around.newest("policy: decisions").values)
    values = {value.key: value.value for value in around.newest("policy: decisions").values}
    assert float(values["last (s)"]) == pytest.approx(decisions_s[0], rel=1e-3)
    assert 0 < decisions_s[0] < time.monotonic() - observed_s


@pytest.mark.parametrize("around", [PolicyNode], indirect=True)
def test_a_version_with_its_digest_is_served(around, tmp_path):
    path = tmp_path / "version_002.safetensors"
    path.write_bytes(SHIPPED)
    versions = around.publisher(PolicyVersion, "fleet/policy_version")
    versions.publish(PolicyVersion(version=2, path=str(path), digest=sha256(SHIPPED).hexdigest()))
    around.wait_for(lambda: around.has_value("policy: version", "served", "2"))
    assert around.is_at("policy: version", DiagnosticStatus.OK)


@pytest.mark.parametrize("around", [TrainerNode], indirect=True)
def test_actions_that_were_lost_with_a_killed_gate_are_not_waited_for(patient_for_a_moment, around):
    """Their robots have executed them, and observed the next tick."""
    versions = []
    around.rest.create_subscription(PolicyVersion, "fleet/policy_version", versions.append, TRANSIENT_LOCAL_1000)
    around.observe(0)
    around.observe(1)
    around.wait_for(lambda: versions)
    assert [version.version for version in versions] == [2]
    assert versions[0].human_pairs == 0


@pytest.mark.parametrize("around", [(TrainerNode, "sirius")], indirect=True)
def test_a_restarted_trainer_resumes_with_the_labels_of_its_pairs(around, tmp_path):
    versions = []
    around.rest.create_subscription(PolicyVersion, "fleet/policy_version", versions.append, TRANSIENT_LOCAL_1000)
    leases = around.publisher(LeaseTable, "fleet/leases")
    around.observe(0)
    leases.publish(LeaseTable(tick=0))
    around.act(RobotAction(0, ActionKind.MOVE, ActionSource.HUMAN, (0.1,) * FLEET.contract().action_dim))
    around.observe(1, episode=1)
    around.wait_for(lambda: versions)
    robots = FLEET.robots.count
    assert (versions[0].version, versions[0].human_pairs) == (2, robots)
    stored = PolicyStore(tmp_path / "policies", first_version=FIRST_TRAINED_VERSION).read(2, FLEET.contract()).dataset
    assert stored.labels_B[-robots:].tolist() == [Label.INTERVENTION] * robots
    restarted = TrainerNode()
    around.wait_for(lambda: len(versions) == 2)
    assert (versions[1].version, versions[1].digest, versions[1].human_pairs) == (2, versions[0].digest, robots)
    restarted.close()
    restarted.destroy_node()


@pytest.fixture
def patient_for_a_moment(monkeypatch):
    monkeypatch.setattr("fleet_learning.trainer_node_base.LOST_AFTER_S", 0.1)


@pytest.mark.parametrize("around", [TrainerNode], indirect=True)
def test_a_training_that_fails_is_an_error_before_the_trainer_ends(around, tmp_path):
    (tmp_path / "curves").write_text("no folder")
    around.observe(0)
    around.act(RobotAction(0, ActionKind.HOLD, ActionSource.NOBODY))
    with pytest.raises(OSError, match="curves"):
        around.wait_for(lambda: False)
    around.executor.remove_node(around.node)
    around.wait_for(lambda: around.is_at("trainer: training", DiagnosticStatus.ERROR))
    assert "version 2 failed" in around.newest("trainer: training").message
