"""Runs of an experiment once more, over the ROS 2 nodes in lockstep."""

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
"""Of the repeated run, in that of the experiment's run."""
CONDITION = "over ROS 2"
COUNTED = ("successes", "hard_resets", "human_actions", "rohe", "threshold")


def ros_rows(runs: Mapping[Path, Row], *, ticks: int) -> list[Row]:
    """Rows of the same runs, as the nodes make them; a run that was repeated before is not run again.

    Args:
        runs: the experiment's row by the folder of its run, which holds a fleet file.
        ticks: length of every run.

    Raises:
        RuntimeError: a fleet has failed.
    """
    shown = track(runs.items(), CONDITION, total=len(runs), disable=not sys.stderr.isatty())
    return [_repeated(folder, row, ticks) for folder, row in shown]


def _repeated(folder: Path, row: Row, ticks: int) -> Row:
    env, algo, seed = str(row["env"]), str(row["algo"]), int(str(row["seed"]))
    summary = folder / FOLDER / "summary.json"
    if not summary.exists():
        _up(folder, seed, ticks)
    found = json.loads(summary.read_text(encoding="utf-8"))
    return {**run_of(env, algo, seed, CONDITION), **{key: found[key] for key in COUNTED}}


def _up(folder: Path, seed: int, ticks: int) -> None:
    words = ["up", "--fleet", str(folder / "fleet.yaml"), "--seed", str(seed), "--ticks", str(ticks)]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "fleet_cli.main", *words, "--headless", "--report", str(folder / FOLDER)],
        # Two threads add up in another order than one, which the experiment's runs have.
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{folder}: the fleet has failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
