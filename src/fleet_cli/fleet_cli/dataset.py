"""Defines the commands for datasets: `fleet dataset ...`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import MofNCompleteColumn, Progress

dataset = typer.Typer(help="Build datasets from recorded runs, and export them.", no_args_is_help=True)


@dataset.command()
def build(
    bags: Annotated[
        list[Path],
        typer.Argument(help="Folders of recorded runs or of their bags; with --map, any rosbag1 or rosbag2 bags."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for the dataset.")],
    map_file: Annotated[
        Path | None, typer.Option("--map", help="Mapping file for third-party bags, which describes their contents.")
    ] = None,
) -> None:
    """Build a dataset from bags: observations, actions with their sources, and outcomes.

    Example: `./fleet dataset build RUN_1 RUN_2 -o set`.
    """
    from fleet_bags.build import build as run
    from fleet_bags.mapping import read_mapping

    mapping = read_mapping(map_file) if map_file else None
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), disable=not sys.stdout.isatty()) as progress:
        bar = progress.add_task("images", total=None)
        metadata = run(
            bags,
            out,
            mapping=mapping,
            on_progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    omitted = f", {metadata.left_out} incomplete ones omitted" if metadata.left_out else ""
    print(f"{out}: {metadata.samples} samples from {len(metadata.runs)} runs{omitted}")


@dataset.command()
def export(
    source: Annotated[Path, typer.Argument(metavar="DATASET", help="Dataset from `./fleet dataset build`.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for the LeRobotDataset.")],
) -> None:
    """Export a dataset as a LeRobotDataset v3.0."""
    from fleet_bags.lerobot.export import export as run
    from fleet_bags.samples import read_samples

    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), disable=not sys.stdout.isatty()) as progress:
        bar = progress.add_task("images", total=None)
        frames = run(
            read_samples(source), out, on_progress=lambda done, total: progress.update(bar, completed=done, total=total)
        )
    print(f"{out}: {len(frames.rows_F)} frames in {len(frames.bounds_E2)} episodes")
