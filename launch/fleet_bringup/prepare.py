"""Prepares a run for nodes that are started one by one, such as containers."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fleet_bringup.graph import node_graph, write_parameters
from fleet_bringup.run_setup import RunOptions
from fleet_bringup.run_setup import prepare as make
from fleet_contract.validation import EXIT_INPUT_ERROR, InputError


def main() -> None:
    """Write the resolved fleet file and all nodes' parameters into the run's folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--fleet", default="block_push", help="a fleet file, or the name of one that comes with the stack"
    )
    parser.add_argument("--run-dir", type=Path, required=True, help="folder of the run")
    arguments = parser.parse_args()
    try:
        run = make(RunOptions(fleet=arguments.fleet, report=arguments.run_dir))
        print(write_parameters(node_graph(run, headless=True), run.folder))
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_INPUT_ERROR)
