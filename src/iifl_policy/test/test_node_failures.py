"""Policy and trainer tell of what they could not do: the one goes on with what it has, the other says so before it ends."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fleet_interfaces.msg import Observation, PolicyReport, PolicyVersion, RobotAction
from rclpy.executors import SingleThreadedExecutor

from fleet_common.qos import TRANSIENT_LOCAL_100, TRANSIENT_LOCAL_1000
from fleet_contract.action import ActionKind, ActionSource
from fleet_contract.fleet import Fleet, read_fleet
from fleet_learning.policy_node import PolicyNode
from fleet_learning.trainer_node import TrainerNode

FLEET = read_fleet(Path(__file__).parents[3] / "launch/config/mobile_base.yaml")
PATIENCE_S = 30.0


class Around:
    """The rest of the fleet: robots that observe, and whoever hears how the node is."""

    def __init__(self, node) -> None:
        self.node, self.rest = node, rclpy.create_node("rest")
        self.told: list[DiagnosticStatus] = []
        self.rest.create_subscription(
            DiagnosticArray, "/diagnostics", lambda m: self.told.extend(m.status), TRANSIENT_LOCAL_1000
        )
        self.observations = [self.publisher(Observation, f"{name}/observation") for name in FLEET.robot_names]
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(node)
        self.executor.add_node(self.rest)

    def publisher(self, kind, topic):
        return self.rest.create_publisher(kind, topic, TRANSIENT_LOCAL_100)

    def observe(self, tick) -> None:
        for publisher in self.observations:
            publisher.publish(Observation(tick=tick, values=[0.1] * FLEET.contract().state_dim))

    def wait_for(self, condition) -> None:
        until_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < until_s, "in vain"
            self.executor.spin_once(timeout_sec=0.02)

    def newest(self, name) -> DiagnosticStatus | None:
        return next((status for status in reversed(self.told) if status.name == name), None)

    def is_at(self, name, level) -> bool:
        status = self.newest(name)
        return status is not None and status.level == level

    def close(self) -> None:
        self.executor.shutdown()
        self.node.close()
        self.node.destroy_node()
        self.rest.destroy_node()


@pytest.fixture
def around(tmp_path, request):
    tree = FLEET.model_dump(mode="json")
    tree["training"]["update_ticks"] = [1]
    Fleet.model_validate(tree).write(tmp_path / "fleet.yaml")
    rclpy.init(args=["--ros-args", "-p", f"run_dir:={tmp_path}"])
    around = Around(request.param())
    yield around
    around.close()
    rclpy.shutdown()


@pytest.mark.parametrize("around", [PolicyNode], indirect=True)
def test_a_version_that_cannot_be_read_is_an_error_and_the_old_one_serves(around, tmp_path):
    (tmp_path / "cut.safetensors").write_bytes(b"cut")
    around.wait_for(lambda: around.is_at("policy: version", DiagnosticStatus.OK))
    version = PolicyVersion(version=2, path=str(tmp_path / "cut.safetensors"))
    around.publisher(PolicyVersion, "fleet/policy_version").publish(version)
    around.wait_for(lambda: around.is_at("policy: version", DiagnosticStatus.ERROR))
    assert str(tmp_path / "cut.safetensors") in around.newest("policy: version").message
    reports = []
    around.rest.create_subscription(PolicyReport, "fleet/policy_report", reports.append, TRANSIENT_LOCAL_1000)
    around.observe(0)
    around.wait_for(lambda: reports)
    assert reports[0].policy_version == 1
    around.wait_for(lambda: around.newest("policy: decisions").values)
    values = {value.key: value.value for value in around.newest("policy: decisions").values}
    assert float(values["last (s)"]) == pytest.approx(reports[0].decision_s, rel=1e-3)


@pytest.mark.parametrize("around", [TrainerNode], indirect=True)
def test_a_training_that_fails_is_an_error_before_the_trainer_ends(around, tmp_path):
    (tmp_path / "curves").write_text("no folder")
    around.observe(0)
    for name in FLEET.robot_names:
        action = RobotAction(tick=0, kind=int(ActionKind.HOLD), source=int(ActionSource.NOBODY))
        around.publisher(RobotAction, f"{name}/action").publish(action)
    with pytest.raises(OSError, match="curves"):
        around.wait_for(lambda: False)
    around.executor.remove_node(around.node)
    around.wait_for(lambda: around.is_at("trainer: training", DiagnosticStatus.ERROR))
    assert "version 2 failed" in around.newest("trainer: training").message
