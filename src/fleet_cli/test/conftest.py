"""Runs of the real fleet that several tests look at."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleet_training.pretraining import pretrain

ROOT = Path(__file__).resolve().parents[3]
LIMIT_S = 240
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
        [ROOT / "fleet", *words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


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
def long_run(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return main_job(tmp_path_factory.mktemp("long") / "out")


@pytest.fixture(scope="session")
def large_run(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Twenty arms, four supervisors."""
    folder = tmp_path_factory.mktemp("large") / "twenty"
    return up(folder, "--ticks", "20", "--headless", "--robots", "20", "--supervisors", "4")
