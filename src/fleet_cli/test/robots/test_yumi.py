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
from running import TIMEOUT_S, started, wait_until

from fleet_bringup.graph import node_graph
from fleet_bringup.run_options import RunOptions
from fleet_bringup.run_setup import prepare
from fleet_contract.action import ActionKind
from yumi_driver.simulated.ssh_server import sshd

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sshd() is None, reason="openssh-server is not installed")]
ROBOTS = ("robot_01", "robot_02", "robot_03", "robot_04")
FAILED, REMAINING = ROBOTS[:2], ROBOTS[2:]
TICKS, FIRST_TICKS = 10, 6
PER_TICK = ("observation", "camera/image_raw", "policy_action", "action")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in which the agents of the first gateway are killed after some ticks of all arms."""
    folder = tmp_path_factory.mktemp("yumi") / "out"
    with started(folder, "--fleet", "yumi_sim", "--ticks", str(TICKS)) as fleet:
        wait_until(fleet, has_made_the_first_ticks, f"tick {FIRST_TICKS}")
        until_s = time.monotonic() + TIMEOUT_S
        while not (agents := agents_of(folder / "gateway_01")):
            assert time.monotonic() < until_s
        for pid in agents:
            os.kill(pid, signal.SIGKILL)
        output, _ = fleet.communicate(timeout=TIMEOUT_S)
    assert fleet.returncode == 0, output
    return folder


def has_made_the_first_ticks(line: str) -> bool:
    return line.startswith("tick ") and int(line.split()[1]) >= FIRST_TICKS


def test_every_tick_of_every_arm_that_is_there_is_in_the_bag(folder: Path) -> None:
    found = counts(folder / "bag")
    for robot in ROBOTS:
        least = FIRST_TICKS if robot in FAILED else TICKS
        assert all(least <= found[f"/{robot}/{topic}"] <= TICKS for topic in PER_TICK), robot
        observed = messages(folder / "bag", f"{robot}/observation")[f"/{robot}/observation"]
        assert [message.tick for message in observed] == list(range(len(observed)))
    for robot, statuses in ((robot, messages(folder / "bag", f"{robot}/status")) for robot in ROBOTS):
        unreachable = [status.tick for status in statuses[f"/{robot}/status"] if status.unreachable]
        assert min(unreachable, default=TICKS) >= (FIRST_TICKS if robot in FAILED else TICKS)


def test_every_node_reports_how_it_is(folder: Path, tmp_path: Path) -> None:
    diagnostics = json.loads((folder / "summary.json").read_text())["diagnostics"]
    nodes = node_graph(prepare(RunOptions(fleet="yumi_sim", report=tmp_path / "out")), headless=True)
    assert {name.split(":")[0] for name in diagnostics} == {node.name for node in nodes}
    assert {name for name, how in diagnostics.items() if how["error"]} == {
        "gateway_01: link",
        *(f"gateway_01: {robot} presence" for robot in FAILED),
    }
    # On a busy machine a decision can take longer than a node may be silent.
    assert all(how["stale"] <= 1 for how in diagnostics.values())


def test_an_arm_that_is_told_to_push_pushes_its_cube_that_way(folder: Path) -> None:
    bag, along = folder / "bag", []
    for robot in ROBOTS:
        cubes = [np.array(m.values[:2]) for m in messages(bag, f"{robot}/observation")[f"/{robot}/observation"]]
        actions = messages(bag, f"{robot}/action")[f"/{robot}/action"]
        for before, after, action in zip(cubes, cubes[1:FIRST_TICKS], actions, strict=False):
            if action.kind == ActionKind.MOVE and np.hypot(*action.values) > 0.015:
                along.append(float((after - before) @ action.values / np.dot(action.values, action.values)))
    assert len(along) > 5
    assert np.median(along) == pytest.approx(1.0, abs=0.15)


def test_the_fleet_goes_on_without_the_arms_of_a_gateway_that_fails(folder: Path) -> None:
    bag = folder / "bag"
    statuses = messages(bag, "/status")
    for robot in FAILED:
        last = statuses[f"/{robot}/status"][-1]
        assert last.unreachable
        held = messages(bag, f"{robot}/action")[f"/{robot}/action"][-1]
        assert (held.tick, held.kind, held.reason) == (TICKS - 1, ActionKind.HOLD, f"unreachable: {last.unreachable}")
    for robot in REMAINING:
        assert not any(status.unreachable for status in statuses[f"/{robot}/status"])
        observed = messages(bag, f"{robot}/observation")[f"/{robot}/observation"]
        assert [message.tick for message in observed] == list(range(TICKS))
    uncertainty = messages(bag, "/signals/uncertainty")["/fleet/signals/uncertainty"][-1]
    assert uncertainty.robots == list(REMAINING)
    assert not any(lease.robot in FAILED for lease in messages(bag, "/leases")["/fleet/leases"][-1].leases)


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
