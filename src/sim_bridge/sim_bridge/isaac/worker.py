"""Holds Isaac Gym in a process of its own, since its last release runs on Python 3.8 at most.

Arguments: what it holds, "cells" or "robots", and the arguments of that in JSON. Its first message is "ready" or "missing: ..."
where there is no Isaac Gym; then it answers every message with one that has the same word, until nobody is there any more. What
goes wrong is answered with "failed: ...", which is its last message.
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
    """Serve until the other side has gone."""
    # The simulator prints to standard output: the answers get a descriptor of their own, the prints go to the log.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    what, arguments = sys.argv[1:]
    try:
        held = _make(what, json.loads(arguments))
        send(answers, "ready")
        _serve(held, sys.stdin.buffer, answers)
        held.close()
    except ImportError as error:
        send(answers, f"missing: {type(error).__name__}: {error}")
    except Exception as error:  # noqa: BLE001 - whatever it is, the other side must hear of it
        send(answers, f"failed: {type(error).__name__}: {error}")


def _make(what: str, arguments: dict[str, Any]) -> Any:
    if what == "cells":
        from sim_bridge.isaac.cells import IsaacCells

        return IsaacCells(**arguments)
    from sim_bridge.isaac.robots import IsaacRobots

    return IsaacRobots(**arguments)


def _serve(held: Any, orders: IO[bytes], answers: IO[bytes]) -> None:
    while True:
        try:
            word, arrays = receive(orders)
        except EOFError:
            return
        result: NDArray[Any] | tuple[NDArray[Any], ...] | None = getattr(held, word)(*arrays)
        results = result if isinstance(result, tuple) else () if result is None else (result,)
        send(answers, word, *map(np.asarray, results))
