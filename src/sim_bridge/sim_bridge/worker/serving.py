"""The worker's side: answers requests for a simulation until its input is closed. See `worker.wire` for the protocol."""

from __future__ import annotations

import os
import signal
import sys
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from sim_bridge.worker.wire import VERSION, receive, send

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def serve(make: Callable[[], Any]) -> None:
    """Make a simulation and answer requests on standard input and output; `close` is called at the end."""
    # Ctrl-C reaches the whole group of processes. This one ends when the other one closes the connection, as always.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The simulator prints to standard output: give the answers a descriptor of their own, and print to standard error.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        simulation = make()
        send(answers, f"ready {VERSION}")
        _answer(simulation, sys.stdin.buffer, answers)
        simulation.close()
    except BrokenPipeError:
        # The other process has exited in the middle of a request. Nobody reads the rest, not even when the stream is closed.
        os._exit(0)
    except ImportError as error:
        send(answers, f"missing: {type(error).__name__}: {error}")
    except Exception as error:  # noqa: BLE001 - every error must be reported to the other process
        send(answers, f"failed: {type(error).__name__}: {error}")


def _answer(simulation: Any, requests: IO[bytes], answers: IO[bytes]) -> None:
    while True:
        try:
            word, arrays = receive(requests)
        except EOFError:
            return
        result: NDArray[Any] | tuple[NDArray[Any], ...] | None = getattr(simulation, word)(*arrays)
        results = result if isinstance(result, tuple) else () if result is None else (result,)
        send(answers, word, *map(np.asarray, results))
