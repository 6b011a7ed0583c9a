"""IIFL's simulated benchmark (section 5.2): which runs there are, and what came of them.

T ticks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fleet_contract.door import BadInput
from fleet_experiments.algorithms import ALGORITHMS
from fleet_experiments.benchmark_figure import Panel, draw_benchmark
from fleet_experiments.fleet_run import read_course
from fleet_experiments.fleet_trials import COURSE
from fleet_experiments.results import FILE, Row, read_results
from sim_bridge.backends import BENCHMARK

TICKS = {"paper": 10_000, "cpu": 1000}
"""T, by scale; all else that differs stands in the fleet files."""
SEEDS = (0, 1, 2)
FIGURE = "figure_3.png"


def fleet_file(env: str, scale: str) -> Path:
    """Where the fleet file is, from the folder of all fleet files.

    Raises:
        BadInput: there is no such environment or scale.
    """
    if env not in BENCHMARK:
        raise BadInput(f"--env: found {env!r}, allowed are {', '.join(BENCHMARK)}.")
    if scale not in TICKS:
        raise BadInput(f"--scale: found {scale!r}, allowed are {', '.join(TICKS)}.")
    return Path("benchmark") / scale / f"{env}.yaml"


@dataclass(frozen=True)
class Found:
    """What has been run at one scale."""

    rows: list[Row]
    panels: list[Panel]
    missing: list[str]
    """Runs that there are not, by environment, algorithm and seed."""


def found(folder: Path) -> Found:
    """What lies in a folder of one scale, where each environment has its own.

    Raises:
        BadInput: there is nothing, or something is not of this version.
    """
    rows: list[Row] = []
    panels: list[Panel] = []
    missing: list[str] = []
    for env in BENCHMARK:
        if (folder / env / FILE).exists():
            rows += read_results(folder / env).rows
        for name, algorithm in ALGORITHMS.items():
            runs = {seed: folder / env / "runs" / f"{name}_{seed}" / COURSE for seed in SEEDS}
            missing += [f"{env} {name} {seed}" for seed, file in runs.items() if not file.exists()]
            courses = [read_course(file) for file in runs.values() if file.exists()]
            if courses:
                panels.append(Panel(env, algorithm.name, courses))
    if not panels:
        raise BadInput(
            f"{folder}: found no runs of the benchmark, allowed is a folder of ./fleet experiment benchmark."
        )
    return Found(rows, panels, missing)


def draw(found: Found, folder: Path) -> Path:
    """Draw Figure 3 into the folder."""
    draw_benchmark(found.panels, folder / FIGURE)
    return folder / FIGURE
