"""A package outside of the stack adds a policy, a signal, a rule, an environment and a supervisor, as the how-to guides say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from bags import messages
from conftest import ROOT
from running import TIMEOUT_S
from safetensors import safe_open

from fleet_contract.action import ActionKind, ActionSource

GUIDES = [ROOT / f"docs/how-to/{name}.md" for name in ("add-a-policy", "add-a-signal-or-rule", "add-a-task")]
EXAMPLE = ROOT / "examples/fleet_examples"
TICKS, UPDATE, PATIENCE_TICKS = 20, 10, 5


def test_code_of_the_guides_is_the_code_of_the_examples() -> None:
    shown = [
        (name, code)
        for guide in GUIDES
        for name, code in re.findall(
            r"^```\w+ title=\"(.+?)\"\n(.+?)^```$", guide.read_text(), re.DOTALL | re.MULTILINE
        )
    ]
    assert {Path(name).name for name, _ in shown} >= {"in_process.py", "nearest.py", "grid.py", "grid.yaml"}
    for name, code in shown:
        assert (ROOT / name).read_text() == code, name


def test_the_examples_are_short() -> None:
    assert len((ROOT / "examples/in_process.py").read_text().splitlines()) <= 25
    assert all(len(path.read_text().splitlines()) < 60 for path in (EXAMPLE / "fleet_examples").glob("*.py"))


@pytest.mark.slow
def test_the_script_runs_in_one_process(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "examples/in_process.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stderr
    found = re.fullmatch(r"(\d+) human actions \[([\d ]+)\] successes\n", done.stdout)
    assert found, done.stdout
    assert int(found[1]) > 0
    assert sum(map(int, found[2].split())) > 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace in which the commands of the guide have built, run and tested the example."""
    workspace = tmp_path_factory.mktemp("examples") / "fleet_ws"
    (commands,) = re.findall(r"```bash\n(.+?)```", GUIDES[0].read_text(), re.DOTALL)
    environment = {key: value for key, value in os.environ.items() if key != "ROS_DOMAIN_ID"}
    done = subprocess.run(
        ["bash", "-e", "-c", commands.replace("~/fleet_ws", str(workspace))],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=2 * TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return workspace


@pytest.mark.slow
def test_the_run_is_that_of_the_fleet_file(folder: Path) -> None:
    summary = json.loads((folder / "out/summary.json").read_text())
    assert (summary["ticks"], summary["robots"], summary["policy_versions"]) == (TICKS, 6, [1, 2])
    assert summary["successes"] > 0
    assert summary["human_actions"] > 0
    fleet = yaml.safe_load((folder / "out/fleet.yaml").read_text())
    assert fleet["environment"]["task"] == "grid"
    assert fleet["allocation"]["rule"] == "longest_waiting"
    assert fleet["signals"][0]["names"] == ["standstill"]
    assert (fleet["policy"]["uncertainty"], fleet["policy"]["decider"]) == ("distance", "full")


@pytest.mark.slow
def test_robots_start_where_the_environment_puts_them(folder: Path) -> None:
    for robot in range(6):
        start_S = np.random.default_rng([0, robot]).uniform(1.0, 9.0, 4)
        np.testing.assert_allclose(observed(folder, robot)[0], start_S)


@pytest.mark.slow
def test_the_policy_acts_like_the_nearest_demonstrations(folder: Path) -> None:
    with np.load(folder / "src/fleet_examples/demonstrations.npz") as pairs:
        states_BS, actions_BA = pairs["observations"], pairs["actions"]
    signal = messages(folder / "out/bag", "/signals/uncertainty")["/fleet/signals/uncertainty"][0]
    for robot in range(6):
        away_BS = (states_BS - observed(folder, robot)[0]) / states_BS.std(axis=0)
        away_B = np.linalg.norm(away_BS, axis=1)
        nearest = np.argsort(away_B)[:3]
        action = messages(folder / "out/bag", f"robot_0{robot + 1}/policy_action")
        (first, *_) = action[f"/robot_0{robot + 1}/policy_action"]
        np.testing.assert_allclose(first.values, actions_BA[nearest].mean(axis=0), atol=1e-5)
        assert signal.values[robot] == pytest.approx(away_B[nearest].mean(), rel=1e-4)


@pytest.mark.slow
def test_retraining_adds_the_pairs_of_the_humans(folder: Path) -> None:
    human_pairs = sum(
        action.tick < UPDATE and action.source == ActionSource.HUMAN and action.kind == ActionKind.MOVE
        for robot in range(6)
        for action in acted(folder, robot)
    )
    with safe_open(folder / "out/policies/version_002.safetensors", "numpy") as checkpoint:
        assert len(checkpoint.get_tensor("states")) == 60 + human_pairs
    assert human_pairs > 0


@pytest.mark.slow
def test_supervisors_walk_straight_to_the_goal(folder: Path) -> None:
    steps = 0
    for robot in range(6):
        for action, state_S in zip(acted(folder, robot), observed(folder, robot), strict=True):
            if action.source == ActionSource.HUMAN and action.kind == ActionKind.MOVE:
                to_goal_2 = state_S[2:] - state_S[:2]
                np.testing.assert_allclose(action.values, to_goal_2 / max(1.0, np.abs(to_goal_2).max()), atol=1e-9)
                steps += 1
    assert steps > 0


@pytest.mark.slow
def test_humans_go_to_robots_that_have_waited_longest(folder: Path) -> None:
    streams = messages(folder / "out/bag", "/fleet/leases", "/signals/uncertainty", "/signals/standstill")
    tables, uncertainties, standstills = (
        streams[f"/fleet/{name}"] for name in ("leases", "signals/uncertainty", "signals/standstill")
    )
    violated_TN = np.array([violations(folder, robot) for robot in range(6)]).T
    threshold = yaml.safe_load((folder / "out/fleet.yaml").read_text())["allocation"]["thresholds"]["uncertainty"]
    waited_N, before, passed_over = np.zeros(6), set(), 0
    for tick in range(TICKS):
        asks_N = (
            violated_TN[tick] | (uncertainties[tick].values > threshold) | (standstills[tick].values > PATIENCE_TICKS)
        )
        waited_N = np.where(asks_N, waited_N + 1, 0)
        held = {int(lease.robot.removeprefix("robot_")) - 1 for lease in tables[tick].leases}
        waiting = [waited_N[robot] for robot in np.flatnonzero(asks_N) if robot not in held]
        for robot in held - before:
            assert asks_N[robot]
            assert waited_N[robot] >= max(waiting, default=0)
            passed_over += len(waiting)
        before = held
    assert passed_over > 0


@pytest.mark.slow
def test_another_uncertainty_than_its_own_is_refused(folder: Path) -> None:
    path = folder / "src/fleet_examples/variance.yaml"
    fleet = yaml.safe_load((path.with_name("grid.yaml")).read_text())
    path.write_text(yaml.safe_dump(fleet | {"policy": fleet["policy"] | {"uncertainty": "variance"}}))
    commands = f". scripts/env; . {folder}/install/setup.bash; ./fleet up --fleet {path} --report {folder}/refused"
    done = subprocess.run(
        ["bash", "-c", commands], cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "policy.uncertainty: expected null for a policy of kind nearest" in done.stderr
    assert not (folder / "refused").exists()


def observed(folder: Path, robot: int) -> list[np.ndarray]:
    name = f"robot_0{robot + 1}/observation"
    return [np.array(message.values) for message in messages(folder / "out/bag", name)[f"/{name}"]][:TICKS]


def acted(folder: Path, robot: int) -> list:
    name = f"robot_0{robot + 1}/action"
    return messages(folder / "out/bag", name)[f"/{name}"]


def violations(folder: Path, robot: int) -> list[bool]:
    name = f"robot_0{robot + 1}/status"
    return [message.violated for message in messages(folder / "out/bag", name)[f"/{name}"]][:TICKS]
