"""The command line of training sets: `fleet dataset ...`."""

from __future__ import annotations

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
    bags: Annotated[list[Path], typer.Argument(help="Folders of runs or of bags.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for the training set.")],
) -> None:
    """Join what robots observed, who did what, and what came of it."""
    from fleet_bags.build import build as run

    with Progress(*Progress.get_default_columns(), MofNCompleteColumn()) as progress:
        bar = progress.add_task("images", total=None)
        about = run(bags, out, advance=lambda done, total: progress.update(bar, completed=done, total=total))
    left_out = f", {about.left_out} observations without their image left out" if about.left_out else ""
    print(f"{out}: {about.samples} samples of {len(about.runs)} runs{left_out}")
