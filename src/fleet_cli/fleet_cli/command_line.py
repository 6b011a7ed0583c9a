"""What the command lines of experiments and benchmarks share."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from fleet_contract.validation import InputError
from fleet_experiments.results import Results, table


def make_folder(path: Path) -> None:
    """Make the folder for results, if there is none.

    Raises:
        BadInput: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be made a folder: {error.strerror}.") from None


def this_command() -> str:
    """The command that runs, as it is typed."""
    return shlex.join(["./fleet", *sys.argv[1:]])


def console() -> Console:
    """For tables: wide enough for them where the output is not a terminal."""
    return Console(width=None if sys.stdout.isatty() else 160)


def show(results: Results, keys: Sequence[str], metrics: Sequence[str], report: Path) -> None:
    """Print the results as a table, and where they are."""
    console().print(table(results.rows, keys, metrics, title=results.command))
    print(f"report: {report}")
