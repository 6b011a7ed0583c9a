"""Helpers that the command lines of experiments and benchmarks share."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from fleet_contract.validation import InputError
from fleet_experiments.results import Results, table


def make_folder(path: Path) -> None:
    """Make the folder for results if it does not exist.

    Raises:
        InputError: the folder cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be made a folder: {error.strerror}.") from None


def this_command() -> str:
    """Return the command of this process as a person would type it."""
    return shlex.join(["./fleet", *sys.argv[1:]])


def console() -> Console:
    """Return a console for tables, which is wide enough for them if the output is not a terminal."""
    return Console(width=None if sys.stdout.isatty() else 160)


def show(results: Results, keys: Sequence[str], metrics: Sequence[str], report: Path) -> None:
    """Print the results as a table, and the folder that they are in."""
    console().print(table(results.rows, keys, metrics, title=results.command))
    print(f"report: {report}")
