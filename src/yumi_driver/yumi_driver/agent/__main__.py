"""`yumi_agent CELL`: runs the agent over standard input and output. An SSH server starts it."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from fleet_contract.validation import EXIT_INPUT_ERROR, InputError
from yumi_driver.agent.agent import Agent
from yumi_driver.agent.process_exit import exit_process
from yumi_driver.cell import read_cell
from yumi_driver.limits import read_limits
from yumi_driver.wire import WireError

CHECK_S = 0.2
"""Seconds between two checks whether the fleet is still connected."""
SWITCH_S = 0.0005
"""Interval at which threads are switched, s."""


def agent(cell: Annotated[Path, typer.Argument(help="The cell file.")]) -> None:
    """Move the arms of one robot by a fleet's commands, as long as the fleet is connected."""
    # Standard output carries frames only: everything printed goes to standard error.
    output, sys.stdout = sys.stdout.buffer, sys.stderr
    # Planning a path takes long, and must not delay the other threads.
    sys.setswitchinterval(SWITCH_S)
    # A process started in the background of a shell ignores SIGINT, by which the agent ends itself.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        config = read_cell(cell)
        with Agent(config, read_limits(config.limits)) as running:
            threading.Thread(target=_watch, args=(running,), daemon=True).start()
            running.serve(sys.stdin.buffer, output)
    except InputError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EXIT_INPUT_ERROR) from None
    except (WireError, OSError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None


def _watch(running: Agent) -> None:
    """End the process when the fleet is silent: reading would block forever."""
    while not running.is_abandoned:
        threading.Event().wait(CHECK_S)
    print("the fleet is silent: the agent ends", file=sys.stderr, flush=True)
    exit_process()


def main() -> None:
    """Run the program."""
    typer.run(agent)


if __name__ == "__main__":
    main()
