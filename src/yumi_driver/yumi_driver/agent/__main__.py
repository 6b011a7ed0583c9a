"""`yumi_agent CELL`: the agent, over standard input and output. An SSH server starts it."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from fleet_contract.validation import EXIT_INPUT_ERROR, InputError
from yumi_driver.agent.agent import Agent
from yumi_driver.agent.end import end_process
from yumi_driver.cell import read_cell
from yumi_driver.limits import read_limits
from yumi_driver.wire import WireError

CHECK_S = 0.2
SWITCH_S = 0.0005


def agent(cell: Annotated[Path, typer.Argument(help="The cell file.")]) -> None:
    """Move the arms of one robot as a fleet says, as long as it says it."""
    # The stream of frames is ours alone: whatever prints goes where people read.
    told, sys.stdout = sys.stdout.buffer, sys.stderr
    # Planning a way is long work in one thread, and the others must not wait for it.
    sys.setswitchinterval(SWITCH_S)
    # Whoever starts this in a shell's background passes on that the signal is ignored, by which it ends itself.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        config = read_cell(cell)
        with Agent(config, read_limits(config.limits)) as served:
            threading.Thread(target=_watch, args=(served,), daemon=True).start()
            served.serve(sys.stdin.buffer, told)
    except InputError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EXIT_INPUT_ERROR) from None
    except (WireError, OSError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None


def _watch(served: Agent) -> None:
    """Reading blocks as long as nobody writes: the end comes from here."""
    while not served.is_left:
        threading.Event().wait(CHECK_S)
    print("nobody is heard any more", file=sys.stderr, flush=True)
    end_process()


def main() -> None:
    """Run the program."""
    typer.run(agent)


if __name__ == "__main__":
    main()
