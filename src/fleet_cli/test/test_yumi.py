"""The whole experiment through SSH: simulated YuMis behind real SSH servers and agents, and a gateway that fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from bags import counts, messages
from conftest import ROOT, Ended, up

from fleet_bringup.graph import node_graph
from fleet_bringup.run_options import RunOptions
from fleet_bringup.run_setup import prepare
from fleet_contract.action import ActionKind
from yumi_driver.simulated.ssh_server import sshd

pytestmark = pytest.mark.skipif(sshd() is None, reason="openssh-server is not installed")
ROBOTS = ("robot_01", "robot_02", "robot_03", "robot_04")
PATIENCE_S = 120.0
TICKS, LONGER_TICKS = 6, 9


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return up(tmp_path_factory.mktemp("yumi") / "out", "--fleet", "yumi_sim", "--ticks", str(TICKS), "--headless")


def test_every_tick_of_every_arm_is_in_the_bag(run: Ended) -> None:
    assert run.code == 0, run.out + run.err
    found = counts(run.folder / "bag")
    expected = {
        f"/{robot}/{topic}": TICKS
        for robot in ROBOTS
        for topic in ("observation", "camera/image_raw", "policy_action", "action")
    }
    assert {topic: found[topic] for topic in expected} == expected
    for topic, stream in messages(run.folder / "bag", "/status").items():
        assert not any(status.unreachable for status in stream), topic


def test_every_node_tells_how_it_is(run: Ended, tmp_path: Path) -> None:
    told = run.summary["diagnostics"]
    nodes = node_graph(prepare(RunOptions(fleet="yumi_sim", report=tmp_path / "out")), headless=True)
    assert {name.split(":")[0] for name in told} == {node.name for node in nodes}
    assert {name for name, how in told.items() if how["error"] or how["stale"]} == set()


def test_an_arm_that_is_told_to_push_pushes_its_cube_that_way(run: Ended) -> None:
    bag, along = run.folder / "bag", []
    for robot in ROBOTS:
        cubes = [np.array(m.values[:2]) for m in messages(bag, f"{robot}/observation")[f"/{robot}/observation"]]
        actions = messages(bag, f"{robot}/action")[f"/{robot}/action"]
        for before, after, action in zip(cubes, cubes[1:], actions, strict=False):
            if action.kind == ActionKind.MOVE and np.hypot(*action.values) > 0.015:
                along.append(float((after - before) @ action.values / np.dot(action.values, action.values)))
    assert len(along) > 5
    assert np.median(along) == pytest.approx(1.0, abs=0.15)


def test_the_fleet_goes_on_without_the_arms_of_a_gateway_that_fails(tmp_path: Path) -> None:
    words = ["up", "--fleet", "yumi_sim", "--ticks", str(LONGER_TICKS), "--headless", "--report", "out"]
    environment = {key: value for key, value in os.environ.items() if key != "ROS_DOMAIN_ID"}
    with subprocess.Popen(
        [ROOT / "fleet", *words],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as fleet:
        said = []
        until_s = time.monotonic() + PATIENCE_S
        for line in fleet.stdout:
            said.append(line)
            if line.startswith("tick ") and int(line.split()[1]) >= 2:
                break
            assert time.monotonic() < until_s, said
        else:
            pytest.fail(f"the fleet has ended: {said}")
        while not (agents := agents_of(tmp_path / "out/gateway_01")):
            assert time.monotonic() < until_s, said
        for pid in agents:
            os.kill(pid, signal.SIGKILL)
        said += fleet.communicate(timeout=PATIENCE_S)[0].splitlines()
    assert fleet.returncode == 0, said
    told = json.loads((tmp_path / "out/summary.json").read_text())["diagnostics"]
    assert {name for name, how in told.items() if how["error"]} == {
        "gateway_01: link",
        *(f"gateway_01: {robot} presence" for robot in ROBOTS[:2]),
    }
    bag = tmp_path / "out/bag"
    statuses = messages(bag, "/status")
    for robot in ROBOTS[:2]:
        last = statuses[f"/{robot}/status"][-1]
        assert last.unreachable
        held = messages(bag, f"{robot}/action")[f"/{robot}/action"][-1]
        assert (held.tick, held.kind, held.reason) == (
            LONGER_TICKS - 1,
            ActionKind.HOLD,
            f"unreachable: {last.unreachable}",
        )
    for robot in ROBOTS[2:]:
        assert not any(status.unreachable for status in statuses[f"/{robot}/status"])
        observed = messages(bag, f"{robot}/observation")[f"/{robot}/observation"]
        assert [message.tick for message in observed] == list(range(LONGER_TICKS))
    report = messages(bag, "/policy_report")["/fleet/policy_report"][-1]
    assert report.robots == list(ROBOTS[2:])
    assert not any(lease.robot in ROBOTS[:2] for lease in messages(bag, "/leases")["/fleet/leases"][-1].leases)


def agents_of(gateway: Path) -> list[int]:
    """Processes that serve a gateway's arms."""
    words = ["pgrep", "-f", f"yumi_driver.agent {gateway}/cell.yaml$"]
    return [*map(int, subprocess.run(words, capture_output=True, text=True, check=False).stdout.split())]


def test_each_gateway_has_a_driver_of_its_own_and_its_own_robots(tmp_path: Path) -> None:
    run = prepare(RunOptions(fleet="yumi_sim", report=tmp_path / "out", ticks=1))
    drivers = {
        node.name: node.parameters["robots"]
        for node in node_graph(run, headless=True)
        if node.executable == "yumi_node"
    }
    assert drivers == {"gateway_01": ["robot_01", "robot_02"], "gateway_02": ["robot_03", "robot_04"]}
