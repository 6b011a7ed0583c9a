"""The process that holds Isaac Gym, seen from here.

Isaac Gym's last release runs on Python 3.8 at most, so it has its own interpreter.
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
"""Environment variable: the Python that Isaac Gym is installed in."""
CLOSE_S = 10.0


class IsaacProcess:
    """Answers messages until it is closed."""

    def __init__(self, what: str, arguments: Mapping[str, object]) -> None:
        """Start it; `isaac_worker` knows what there is, and `arguments` are JSON.

        Raises:
            BadInput: Isaac Gym cannot be used here, or failed.
        """
        python = os.environ.get(INTERPRETER, sys.executable)
        # This package comes last on the worker's path, and PYTHONPATH not at all: libraries there are for our Python.
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
                f"{INTERPRETER}: found {python}: {error.strerror}, allowed is a Python interpreter."
            ) from None
        try:
            word, _ = self._answer()
        except EOFError:
            word = "missing: the worker ended"
        if word.startswith("missing: "):
            self.close()
            raise InputError(_missing(python, word.removeprefix("missing: ")))

    @property
    def returncode(self) -> int | None:
        """Of the process, once it has ended."""
        return self._process.returncode

    def ask(self, word: str, *arrays: NDArray[np.generic]) -> Sequence[NDArray[np.generic]]:
        """Send a message, and wait for what it is answered with.

        Raises:
            BadInput: Isaac Gym has failed.
        """
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        try:
            send(self._process.stdin, word, *arrays)
            return self._answer()[1]
        except (EOFError, BrokenPipeError):
            raise InputError("environment.backend: Isaac Gym has ended; what it said last stands above.") from None

    def close(self) -> None:
        """End it."""
        process = self._process
        if process.stdin is None or process.stdout is None or process.stdin.closed:
            return
        # What a process that has gone was to be told cannot be flushed.
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def _answer(self) -> tuple[str, Sequence[NDArray[np.generic]]]:
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        word, arrays = receive(self._process.stdout)
        if word.startswith("failed: "):
            self.close()
            raise InputError(f"environment.backend: Isaac Gym failed ({word.removeprefix('failed: ')}).")
        return word, arrays


def _missing(python: str, why: str) -> str:
    return (
        f"environment.backend: found isaacgym, which {python} cannot load ({why.rstrip('.')}): get Isaac Gym Preview 4 "
        f"from https://developer.nvidia.com/isaac-gym, install it in Python 3.8 and name that interpreter in "
        f"{INTERPRETER}, or set environment.backend: mujoco."
    )
