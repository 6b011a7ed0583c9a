"""The emergency stop, from another node, in a fleet that runs: everything holds until it is reset, and all are told."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest
import rclpy
from bags import messages
from diagnosed import Diagnosed, breach
from diagnostic_msgs.msg import DiagnosticStatus
from running import TIMEOUT_S, of_run, started, wait_for
from std_srvs.srv import Trigger
from watching import Watcher

from fleet_bringup.graph import node_graph
from fleet_bringup.run_options import RunOptions
from fleet_bringup.run_setup import prepare
from fleet_cli.attach.service_call import call_until_answered
from fleet_contract.action import ActionKind
from fleet_contract.fleet import read_fleet

pytestmark = pytest.mark.slow


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")


def says_stopped(top: DiagnosticStatus) -> bool:
    return top.level == DiagnosticStatus.ERROR and top.message.startswith("gate: emergency stop: latched")


def test_nothing_moves_between_stop_and_reset_also_when_the_gate_is_started_again(
    tmp_path: Path, tiny: Path, domain: None
) -> None:
    folder = tmp_path / "out"
    with started(folder, "--fleet", str(tiny)) as process:
        number = int(re.findall(r"ROS_DOMAIN_ID=(\d+)", wait_for(process, "ROS_DOMAIN_ID"))[0])
        wait_for(process, "tick ")
        with rclpy.init(domain_id=number):
            watcher = Watcher()
            diagnosed = Diagnosed(watcher.node)
            watcher.wait_for_ticks()
            for service in ("emergency_stop", "emergency_stop_reset"):
                client = watcher.node.create_client(Trigger, f"fleet/{service}")
                assert client.wait_for_service(TIMEOUT_S)
                assert call_until_answered(watcher.node, client, TIMEOUT_S).success
                watcher.wait_for_ticks()
                told = {"emergency_stop": True, "emergency_stop_reset": False}[service]
                diagnosed.wait_for(lambda told=told: [says_stopped(top) for top in diagnosed.tops[-1:]] == [told])
                if service == "emergency_stop":
                    os.kill(next(pid for pid, words in of_run(folder).items() if "gate_node" in words), signal.SIGKILL)
                    wait_for(process, "was restarted")
                    watcher.wait_for_ticks()
            wishes = RunOptions(fleet=str(tiny), report=tmp_path / "same")
            every = {spec.name for spec in node_graph(prepare(wishes), headless=True)}
            diagnosed.wait_for(lambda: diagnosed.nodes >= every)
            watcher.node.destroy_node()
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_S) == 0
    assert diagnosed.nodes == every
    assert [why for status in diagnosed.raw if (why := breach(status, read_fleet(folder / "fleet.yaml")))] == []
    assert of_run(folder) == {}
    stops = json.loads((folder / "summary.json").read_text())["diagnostics"]["gate: emergency stop"]
    assert stops["error"] >= 1
    assert stops["not_ok_s"] > 0
    for actions in messages(folder / "bag", "/action").values():
        stopped = sorted({action.tick for action in actions if action.reason == "emergency stop"})
        assert len(stopped) > 1
        # A busy recorder may never receive the last messages of a gate that is killed.
        between = [action for action in actions if stopped[0] <= action.tick <= stopped[-1]]
        assert all((a.kind, a.reason) == (ActionKind.HOLD, "emergency stop") for a in between)
        assert any(a.kind == ActionKind.MOVE for a in actions if a.tick < stopped[0])
        assert any(a.kind == ActionKind.MOVE for a in actions if a.tick > stopped[-1])
