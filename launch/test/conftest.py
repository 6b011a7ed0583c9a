"""Runs of the real fleet that several tests look at."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes is not what the tests are about.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 240


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
def long_run(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return main_job(tmp_path_factory.mktemp("long") / "out")


@pytest.fixture(scope="session")
def large_run(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Twenty arms, four supervisors."""
    folder = tmp_path_factory.mktemp("large") / "twenty"
    return up(folder, "--ticks", "40", "--headless", "--robots", "20", "--supervisors", "4")
