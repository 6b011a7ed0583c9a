"""Starts the process that runs Isaac Gym, and exchanges messages with it.

Isaac Gym's last release needs Python 3.8 or older, so that it runs in another interpreter.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fleet_contract.validation import InputError
from sim_bridge.isaac.wire import receive, send

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

INTERPRETER = "ISAACGYM_PYTHON"
"""Environment variable with the path of the Python interpreter in which Isaac Gym is installed."""
CLOSE_S = 10.0
"""Time, s, that the process has to exit before it is killed."""


class IsaacProcess:
    """A worker process that answers messages until it is closed."""

    def __init__(self, what: str, arguments: Mapping[str, object]) -> None:
        """Start the process.

        Args:
            what: "cells" or "robots", see `isaac.worker`.
            arguments: arguments of the cells or robots, which are sent as JSON.

        Raises:
            InputError: Isaac Gym cannot be used here, or failed.
        """
        python = os.environ.get(INTERPRETER, sys.executable)
        # This package is last on the worker's path, and PYTHONPATH is removed, because its libraries are for this Python.
        packages = str(Path(__file__).resolve().parents[2])
        code = f"import sys; sys.path.append({packages!r}); from sim_bridge.isaac.worker import main; main()"
        try:
            self._process = subprocess.Popen(
                [python, "-c", code, what, json.dumps(arguments)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            )
        except OSError as error:
            raise InputError(
                f"{INTERPRETER}: expected the path of a Python interpreter, got {python}: {error.strerror}."
            ) from None
        try:
            word, _ = self._answer()
        except EOFError:
            word = "missing: the worker exited"
        if word.startswith("missing: "):
            self.close()
            raise InputError(_missing(python, word.removeprefix("missing: ")))

    @property
    def returncode(self) -> int | None:
        """The exit code of the process; None while it runs."""
        return self._process.returncode

    def ask(self, word: str, *arrays: NDArray[np.generic]) -> Sequence[NDArray[np.generic]]:
        """Send a message and return the arrays of its answer.

        Raises:
            InputError: Isaac Gym has failed.
        """
        assert self._process.stdin is not None  # noqa: S101 - a pipe was requested
        try:
            send(self._process.stdin, word, *arrays)
            return self._answer()[1]
        except (EOFError, BrokenPipeError):
            raise InputError("environment.backend: Isaac Gym has exited; its last messages are above.") from None

    def close(self) -> None:
        """Close the connection, and kill the process if it does not exit."""
        process = self._process
        if process.stdin is None or process.stdout is None or process.stdin.closed:
            return
        # Messages to a process that has exited cannot be flushed.
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def _answer(self) -> tuple[str, Sequence[NDArray[np.generic]]]:
        assert self._process.stdout is not None  # noqa: S101 - a pipe was requested
        word, arrays = receive(self._process.stdout)
        if word.startswith("failed: "):
            self.close()
            raise InputError(f"environment.backend: Isaac Gym failed ({word.removeprefix('failed: ')}).")
        return word, arrays


def _missing(python: str, reason: str) -> str:
    return (
        f"environment.backend: expected isaacgym to be installed, but {python} cannot load it ({reason.rstrip('.')}): get Isaac Gym "
        f"Preview 4 from https://developer.nvidia.com/isaac-gym, install it in Python 3.8 and set {INTERPRETER} to that interpreter, "
        "or set environment.backend: mujoco."
    )
