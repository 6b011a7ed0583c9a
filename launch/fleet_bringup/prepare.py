"""Prepares a run for nodes that are started one by one, such as containers."""

from __future__ import annotations

import sys

import typer

from fleet_bringup.graph import node_graph, write_parameters
from fleet_bringup.run_options import RunOptions, with_options
from fleet_bringup.run_setup import prepare
from fleet_contract.validation import EXIT_INPUT_ERROR, InputError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
@with_options
def write_run(options: RunOptions) -> None:
    """Write the resolved fleet file and the parameters of all nodes into the folder of a run (`--report`)."""
    run = prepare(options)
    print(write_parameters(node_graph(run, headless=True), run.folder))


def main() -> None:
    """Run the executable; bad input is one sentence and exit code 2."""
    try:
        app(prog_name="prepare")
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_INPUT_ERROR)
