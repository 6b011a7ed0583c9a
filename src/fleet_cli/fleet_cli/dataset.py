"""The command line of training sets: `fleet dataset ...`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import MofNCompleteColumn, Progress

dataset = typer.Typer(help="Make training sets from bags.", no_args_is_help=True)


@dataset.callback()
def about() -> None:
    """Make training sets from bags."""


@dataset.command()
def build(
    bags: Annotated[list[Path], typer.Argument(help="Folders of runs or of bags; with --map any rosbag1 or rosbag2.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for the training set.")],
    map_file: Annotated[
        Path | None, typer.Option("--map", help="For bags of others: a file that says what is what in them.")
    ] = None,
) -> None:
    """Join what robots observed, who did what, and what came of it."""
    from fleet_bags.build import build as run
    from fleet_bags.mapping import read_mapping

    mapping = read_mapping(map_file) if map_file else None
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), disable=not sys.stdout.isatty()) as progress:
        bar = progress.add_task("images", total=None)
        about = run(
            bags, out, mapping=mapping, advance=lambda done, total: progress.update(bar, completed=done, total=total)
        )
    left_out = f", {about.left_out} left out of which something is missing" if about.left_out else ""
    print(f"{out}: {about.samples} samples of {len(about.runs)} runs{left_out}")


@dataset.command()
def export(
    source: Annotated[Path, typer.Argument(metavar="SET", help="Folder that `fleet dataset build` made.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for the LeRobotDataset.")],
) -> None:
    """Write a training set as a LeRobotDataset v3.0."""
    from fleet_bags.lerobot.export import export as run
    from fleet_bags.samples import read_samples

    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), disable=not sys.stdout.isatty()) as progress:
        bar = progress.add_task("images", total=None)
        frames = run(
            read_samples(source), out, advance=lambda done, total: progress.update(bar, completed=done, total=total)
        )
    print(f"{out}: {len(frames.rows_F)} frames in {len(frames.bounds_E2)} episodes")
