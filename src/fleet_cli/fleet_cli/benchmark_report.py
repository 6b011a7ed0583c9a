"""Reports on the runs of the simulated benchmark: figure 3, the table, and missing runs."""

from __future__ import annotations

from pathlib import Path

from fleet_cli.command_line import console
from fleet_experiments.fleet.benchmark import read_benchmark
from fleet_experiments.results import table

METRICS = ("successes", "hard_resets", "rohe", "human_actions", "reward")


def report_on_benchmark(folder: Path) -> None:
    """Draw the figure and print the table of each scale, and name the runs that are missing.

    Raises:
        InputError: there are no results, or some are from another version.
    """
    for scale in read_benchmark(folder):
        console().print(table(scale.rows, ("env", "algo"), METRICS, title=f"scale {scale.scale}"))
        print(f"{scale.draw()}")
        if scale.missing:
            print(f"missing: {', '.join(scale.missing)}")
