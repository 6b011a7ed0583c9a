"""Reads the results of IIFL's simulated benchmark (section 5.2).

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
from fleet_training.algorithms import ALGORITHMS, FLEET_ALGORITHMS
from sim_bridge.backends import BENCHMARK

TICKS = {"paper": 10_000, "cpu": 1000}
"""T, by scale; all other differences are in the fleet files."""
SEEDS = (0, 1, 2)
"""Seeds of a complete benchmark."""
FIGURE = "figure_3.png"


def fleet_file(env: str, scale: str) -> Path:
    """Return the path of a fleet file relative to the folder of all fleet files.

    Raises:
        InputError: there is no such environment or scale.
    """
    if env not in BENCHMARK:
        raise InputError(f"--env: expected one of {', '.join(BENCHMARK)}, got {env!r}.")
    if scale not in TICKS:
        raise InputError(f"--scale: expected one of {', '.join(TICKS)}, got {scale!r}.")
    return Path("benchmark") / scale / f"{env}.yaml"


@dataclass(frozen=True)
class ScaleResults:
    """The completed runs of the benchmark at one scale."""

    scale: str
    folder: Path
    rows: list[Row]
    panels: list[BenchmarkPanel]
    missing: list[str]
    """Environment, algorithm and seed of the runs that are not completed."""

    def draw(self) -> Path:
        """Draw Figure 3 into the folder and return its path."""
        draw_benchmark(self.panels, self.folder / FIGURE)
        return self.folder / FIGURE


def is_benchmark(folder: Path) -> bool:
    """Return whether the folder is one of `fleet experiment benchmark`."""
    return any((folder / scale).is_dir() for scale in TICKS)


def read_benchmark(folder: Path) -> list[ScaleResults]:
    """Return the results in a folder of `fleet experiment benchmark`, by scale.

    Raises:
        InputError: there are no results, or some are of another version.
    """
    scales = [read_scale(folder, scale) for scale in TICKS if (folder / scale).is_dir()]
    if not any(scale.panels for scale in scales):
        raise InputError(
            f"{folder}: expected a folder of ./fleet experiment benchmark, got one without runs of the benchmark."
        )
    return [scale for scale in scales if scale.panels]


def read_scale(folder: Path, scale: str) -> ScaleResults:
    """Return the results of one scale.

    Raises:
        InputError: some results are of another version.
    """
    results = ScaleResults(scale, folder / scale, [], [], [])
    for env in BENCHMARK:
        runs = results.folder / env / "runs"
        for name, algorithm in FLEET_ALGORITHMS.items():
            completed = [run for run in sorted(runs.glob(f"{name}_[0-9]*")) if (run / ROWS).exists()]
            expected = {seed: runs / f"{name}_{seed}" for seed in SEEDS}
            if name in ALGORITHMS:
                results.missing.extend(f"{env} {name} {seed}" for seed, run in expected.items() if run not in completed)
            results.rows.extend(trial_row(run) for run in completed)
            if completed:
                results.panels.append(
                    BenchmarkPanel(env, algorithm.name, [read_tick_counts(run / TICK_COUNTS) for run in completed])
                )
    return results
