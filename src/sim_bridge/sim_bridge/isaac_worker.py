"""Holds Isaac Gym in a process of its own, since its last release runs on Python 3.8 at most.

Arguments: ROBOTS TIMESTEP_S WIDTH HEIGHT. Its first message is "ready" or "failed: ..."; then it answers every message
with one that has the same word.
"""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from sim_bridge.isaac_wire import receive, send

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLOSE = "close"


def main() -> None:
    """Serve until told to close, or until the other side has gone."""
    # The simulator prints to standard output: the answers get a descriptor of their own, the prints go to the log.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    robots, timestep, width, height = sys.argv[1:]
    try:
        from sim_bridge.isaac_cells import IsaacCells

        cells = IsaacCells(int(robots), float(timestep), int(width), int(height))
    except Exception as error:  # noqa: BLE001 - whatever it is, the other side must hear of it
        send(answers, f"failed: {type(error).__name__}: {error}")
        return
    send(answers, "ready")
    _serve(cells, sys.stdin.buffer, answers)
    cells.close()


def _serve(cells: Any, orders: IO[bytes], answers: IO[bytes]) -> None:
    while True:
        try:
            word, arrays = receive(orders)
        except EOFError:
            return
        if word == CLOSE:
            send(answers, word)
            return
        result: NDArray[Any] | None = getattr(cells, word)(*arrays)
        send(answers, word, *([] if result is None else [np.asarray(result)]))
