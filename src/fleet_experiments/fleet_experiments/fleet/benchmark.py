"""IIFL's simulated benchmark (section 5.2): which runs there are, and what came of them.

T ticks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fleet_contract.validation import InputError
from fleet_experiments.fleet.benchmark_figure import BenchmarkPanel, draw_benchmark
from fleet_experiments.fleet.fleet_run import read_tick_counts
from fleet_experiments.fleet.fleet_trials import TICK_COUNTS, trial_row
from fleet_experiments.results import Row
from fleet_experiments.sweep import ROWS
from fleet_training.algorithms import ALGORITHMS
from sim_bridge.backends import BENCHMARK

TICKS = {"paper": 10_000, "cpu": 1000}
"""T, by scale; all else that differs stands in the fleet files."""
SEEDS = (0, 1, 2)
"""Without which the benchmark is not whole."""
FIGURE = "figure_3.png"


def fleet_file(env: str, scale: str) -> Path:
    """Where the fleet file is, from the folder of all fleet files.

    Raises:
        BadInput: there is no such environment or scale.
    """
    if env not in BENCHMARK:
        raise InputError(f"--env: found {env!r}, allowed are {', '.join(BENCHMARK)}.")
    if scale not in TICKS:
        raise InputError(f"--scale: found {scale!r}, allowed are {', '.join(TICKS)}.")
    return Path("benchmark") / scale / f"{env}.yaml"


@dataclass(frozen=True)
class Found:
    """What has been run at one scale."""

    scale: str
    folder: Path
    rows: list[Row]
    panels: list[BenchmarkPanel]
    missing: list[str]
    """Runs that there are not, by environment, algorithm and seed."""

    def draw(self) -> Path:
        """Draw Figure 3 into the folder."""
        draw_benchmark(self.panels, self.folder / FIGURE)
        return self.folder / FIGURE


def is_benchmark(folder: Path) -> bool:
    """Whether `fleet experiment benchmark` writes there."""
    return any((folder / scale).is_dir() for scale in TICKS)


def found(folder: Path) -> list[Found]:
    """What lies in a folder that `fleet experiment benchmark` writes to, by scale.

    Raises:
        BadInput: there is nothing, or something is not of this version.
    """
    scales = [found_at(folder, scale) for scale in TICKS if (folder / scale).is_dir()]
    if not any(scale.panels for scale in scales):
        raise InputError(
            f"{folder}: found no runs of the benchmark, allowed is a folder of ./fleet experiment benchmark."
        )
    return [scale for scale in scales if scale.panels]


def found_at(folder: Path, scale: str) -> Found:
    """What lies there of one scale.

    Raises:
        BadInput: something is not of this version.
    """
    everything = Found(scale, folder / scale, [], [], [])
    for env in BENCHMARK:
        runs = everything.folder / env / "runs"
        for name, algorithm in ALGORITHMS.items():
            done = [run for run in sorted(runs.glob(f"{name}_[0-9]*")) if (run / ROWS).exists()]
            wanted = {seed: runs / f"{name}_{seed}" for seed in SEEDS}
            everything.missing.extend(f"{env} {name} {seed}" for seed, run in wanted.items() if run not in done)
            everything.rows.extend(trial_row(run) for run in done)
            if done:
                everything.panels.append(
                    BenchmarkPanel(env, algorithm.name, [read_tick_counts(run / TICK_COUNTS) for run in done])
                )
    return everything
