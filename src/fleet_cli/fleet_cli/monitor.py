"""Defines the commands for monitors: `fleet monitor ...`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

monitor = typer.Typer(help="Train, calibrate and evaluate monitors, which foresee failures.", no_args_is_help=True)

MonitorFile = Annotated[Path, typer.Argument(metavar="MONITOR", help="File of a monitor.")]
Datasets = Annotated[list[Path], typer.Argument(metavar="SET...", help="Datasets from `./fleet dataset build`.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of splits, initial weights, batches and imagined futures.")]


@monitor.command()
def train(
    sets: Datasets,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the monitor; an interrupted training resumes there.")
    ],
    fleet: Annotated[str, typer.Option(help="Fleet that is monitored: a fleet file, or the name of a shipped fleet.")],
    seed: Seed = 0,
) -> None:
    """Train a world model, all detectors, and their thresholds on recorded runs.

    Example: `./fleet dataset build RUN -o set`, then `./fleet monitor train set -o monitor --fleet tabletop`.
    """
    from fleet_bringup.run_setup import fleet_file
    from fleet_cli.monitors import train_monitor
    from fleet_contract.fleet import read_fleet

    train_monitor(read_fleet(fleet_file(fleet)), sets, out, seed=seed, bars=sys.stdout.isatty())


@monitor.command()
def calibrate(
    file: MonitorFile,
    sets: Datasets,
    rule: Annotated[
        Literal["percentile", "adaptive", "conformal"],
        typer.Option(
            help="percentile: the same percentile of the scores for every task; adaptive: a higher percentile for tasks that need less "
            "help (FIREWORK); conformal: a promised share of false alarms."
        ),
    ] = "percentile",
    percentile: Annotated[float, typer.Option(min=0, max=100, help="Percentile of the rule percentile.")] = 95.0,
    false_alarms: Annotated[
        float, typer.Option(help="Share of successful episodes with a false alarm that the rule conformal promises.")
    ] = 0.2,
    seed: Seed = 0,
) -> None:
    """Choose the thresholds of a monitor again, from recorded runs that it has not learned from. Its detectors do not change."""
    from fleet_cli.monitors import calibrate_monitor

    calibrate_monitor(file, sets, rule, percentile=percentile, false_alarms=false_alarms, seed=seed)


@monitor.command()
def evaluate(file: MonitorFile, sets: Datasets, seed: Seed = 0) -> None:
    """Print how many failures of recorded runs a monitor foresees, how early, and with how many false alarms."""
    from fleet_cli.monitors import evaluate_monitor

    evaluate_monitor(file, sets, seed=seed)
