"""What has been run of the simulated benchmark: figure 3, the table, and what is missing."""

from __future__ import annotations

from pathlib import Path

from fleet_cli.command_line import console
from fleet_experiments.fleet.benchmark import found
from fleet_experiments.results import table

METRICS = ("successes", "hard_resets", "rohe", "human_actions", "reward")


def report_on_benchmark(folder: Path) -> None:
    """Draw and print what there is, by scale, and say what there is not.

    Raises:
        BadInput: there is nothing, or something is not of this version.
    """
    for scale in found(folder):
        console().print(table(scale.rows, ("env", "algo"), METRICS, title=f"scale {scale.scale}"))
        print(f"{scale.draw()}")
        if scale.missing:
            print(f"missing: {', '.join(scale.missing)}")
