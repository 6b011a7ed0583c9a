"""Runs of the real fleet that several tests look at."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from running import TIMEOUT_S

from fleet_cli.main import main
from fleet_training.pretraining import pretrain

ROOT = Path(__file__).resolve().parents[3]
TINY = f"""
fleet: tiny
robots: {{contract: {ROOT}/launch/config/robots/push_cell.yaml, count: 4}}
environment: {{backend: mujoco, task: block_push}}
supervisors: {{count: 2, styles: [clockwise, counterclockwise]}}
policy: {{checkpoint: made/policy.safetensors, chains: 8, iterations: 3}}
allocation: {{intervention_ticks: 2, hard_reset_ticks: 2}}
training: {{demonstrations: made/pairs.npz, update_ticks: [8, 16], gradient_steps: 12}}
pretraining:
  {{pairs: 40, width: 16, depth: 1, gradient_steps: 30, batch_size: 8, counter_example_iterations: 2, learning_rate: 1.0e-3,
   calibration_ticks: 10, calibration_percentile: 50, observes: camera, filters: [4, 4, 4], shift_px: 2.0}}
"""
"""A fleet whose policy knows little, and decides and learns quickly: for tests of what goes on around it."""


TINY_TICKS, TINY_SEED = 24, 2


@dataclass(frozen=True)
class Ended:
    """A `fleet` command that has ended."""

    command: str
    code: int
    out: str
    err: str
    folder: Path

    @property
    def summary(self) -> dict:
        return json.loads((self.folder / "summary.json").read_text())


def fleet(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the front door in a folder."""
    environment = {key: value for key, value in os.environ.items() if key != "ROS_DOMAIN_ID"}
    return subprocess.run(
        [ROOT / "fleet", *words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def call(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder and in this process: for what ends before any other process is started."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", ["fleet", *words])
        patch.chdir(cwd)
        with pytest.raises(SystemExit) as ended:
            main()
    return subprocess.CompletedProcess(words, ended.value.code or 0, out.getvalue(), err.getvalue())


def up(folder: Path, *words: str) -> Ended:
    """Run a fleet into a folder."""
    words = ("up", *words, "--report", folder.name)
    done = fleet(*words, cwd=folder.parent)
    return Ended(" ".join(["./fleet", *words]), done.returncode, done.stdout, done.stderr, folder)


def main_job(folder: Path) -> Ended:
    """Four arms, two supervisors, two retrainings."""
    return up(folder, "--ticks", "150", "--headless")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the tiny fleet, with its first policy."""
    file = tmp_path_factory.mktemp("tiny") / "tiny.yaml"
    file.write_text(TINY)
    pretrain(file, seed=0)
    return file


@pytest.fixture(scope="session")
def eager(tiny: Path) -> Path:
    """The file of the tiny fleet, with robots that always ask for help."""
    file = tiny.with_name("eager.yaml")
    file.write_text(TINY.replace("allocation: {", "allocation: {thresholds: {uncertainty: -1000.0}, "))
    return file


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Ended:
    """The tiny fleet, past two retrainings."""
    folder = tmp_path_factory.mktemp("recorded") / "run"
    ended = up(folder, "--fleet", str(tiny), "--ticks", str(TINY_TICKS), "--headless", "--seed", str(TINY_SEED))
    assert ended.code == 0, ended.err
    return ended


@pytest.fixture(scope="session")
def long_run(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return main_job(tmp_path_factory.mktemp("long") / "out")


@pytest.fixture(scope="session")
def large_run(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Twenty arms, four supervisors."""
    folder = tmp_path_factory.mktemp("large") / "twenty"
    return up(folder, "--ticks", "20", "--headless", "--robots", "20", "--supervisors", "4")
