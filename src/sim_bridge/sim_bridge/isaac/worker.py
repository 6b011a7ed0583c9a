"""The worker process that runs Isaac Gym, because its last release needs Python 3.8 or older.

Its arguments are "cells" or "robots", and their constructor's arguments in JSON. Its first message is "ready", or "missing: ..." if
Isaac Gym is not installed. Then it answers every message with one that has the same word, until its input is closed. After an error
it answers "failed: ..." and exits.
"""

from __future__ import annotations

import json
import os
import sys
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from sim_bridge.isaac.wire import receive, send

if TYPE_CHECKING:
    from numpy.typing import NDArray


def main() -> None:
    """Answer messages until the input is closed."""
    # The simulator prints to standard output: give the answers a descriptor of their own, and print to standard error.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    what, arguments = sys.argv[1:]
    try:
        simulation = _make(what, json.loads(arguments))
        send(answers, "ready")
        _serve(simulation, sys.stdin.buffer, answers)
        simulation.close()
    except ImportError as error:
        send(answers, f"missing: {type(error).__name__}: {error}")
    except Exception as error:  # noqa: BLE001 - every error must be reported to the other process
        send(answers, f"failed: {type(error).__name__}: {error}")


def _make(what: str, arguments: dict[str, Any]) -> Any:
    if what == "cells":
        from sim_bridge.isaac.cells import IsaacCells

        return IsaacCells(**arguments)
    from sim_bridge.isaac.robots import IsaacRobots

    return IsaacRobots(**arguments)


def _serve(simulation: Any, requests: IO[bytes], answers: IO[bytes]) -> None:
    while True:
        try:
            word, arrays = receive(requests)
        except EOFError:
            return
        result: NDArray[Any] | tuple[NDArray[Any], ...] | None = getattr(simulation, word)(*arrays)
        results = result if isinstance(result, tuple) else () if result is None else (result,)
        send(answers, word, *map(np.asarray, results))
