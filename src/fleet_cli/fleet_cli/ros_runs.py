"""Repeats runs of an experiment over the ROS 2 nodes in lockstep."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.progress import track

from fleet_experiments.results import Row, run_of

FOLDER = "ros"
"""Name of the repeated run's folder, in that of the experiment's run."""
CONDITION = "over ROS 2"
METRICS = ("successes", "hard_resets", "human_actions", "rohe", "threshold")


def ros_rows(runs: Mapping[Path, Row], *, ticks: int) -> list[Row]:
    """Repeat runs over the nodes, and return their rows; runs that were repeated before are not run again.

    Args:
        runs: Row of each run of the experiment by the run's folder, which holds a fleet file.
        ticks: Length of each run, ticks.

    Raises:
        RuntimeError: a fleet failed.
    """
    runs_with_progress = track(runs.items(), CONDITION, total=len(runs), disable=not sys.stderr.isatty())
    return [_repeated(folder, row, ticks) for folder, row in runs_with_progress]


def _repeated(folder: Path, row: Row, ticks: int) -> Row:
    env, algo, seed = str(row["env"]), str(row["algo"]), int(str(row["seed"]))
    summary = folder / FOLDER / "summary.json"
    if not summary.exists():
        _up(folder, seed, ticks)
    found = json.loads(summary.read_text(encoding="utf-8"))
    return {**run_of(env, algo, seed, CONDITION), **{key: found[key] for key in METRICS}}


def _up(folder: Path, seed: int, ticks: int) -> None:
    words = ["up", "--fleet", str(folder / "fleet.yaml"), "--seed", str(seed), "--ticks", str(ticks)]
    done = subprocess.run(
        [sys.executable, "-m", "fleet_cli.main", *words, "--headless", "--report", str(folder / FOLDER)],
        # The experiment's runs have one thread; two would add up in another order.
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{folder}: the fleet failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
