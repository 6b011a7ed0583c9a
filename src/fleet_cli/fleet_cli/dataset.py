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


@dataset.command()
def moments(
    sets: Annotated[list[Path], typer.Argument(help="Datasets and files of demonstrations, as for `./fleet train`.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="JSON file to write.")],
    fleet: Annotated[str, typer.Option(help="Fleet that is trained: a fleet file, or the name of a shipped fleet.")],
    seed: Annotated[int, typer.Option(help="Seed of the held-out split.")] = 0,
) -> None:
    """Write count, means and variances of a site's observations, from which several sites get one scaling.

    Example: `./fleet dataset moments set -o site_a.json --fleet block_push`, then `./fleet train set -o trained --moments site_a.json
    --moments site_b.json` at both sites.
    """
    from fleet_bringup.run_setup import fleet_file
    from fleet_contract.fleet import read_fleet
    from fleet_learning.moments import moments_of
    from fleet_training.offline_training import read_training_data

    read = read_fleet(fleet_file(fleet))
    contract, stream = read.contract(), read.pretraining.observes
    pairs = read_training_data(sets, contract, stream, seed).pairs
    moments_of(pairs, contract, stream).write(out)
    print(f"{out}: {len(pairs)} pairs")
