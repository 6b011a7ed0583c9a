"""The fleet's side: starts the worker process of a simulator, and exchanges messages with it. See `worker.wire` for the protocol."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fleet_contract.validation import InputError
from sim_bridge.worker.wire import VERSION, receive, send

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

CLOSE_S = 10.0
"""Time, s, that the process has to exit before it is killed."""


class WorkerProcess:
    """A worker process that answers messages until it is closed."""

    def __init__(
        self,
        simulator: str,
        python: str,
        worker: str,
        arguments: Sequence[str],
        unusable: Callable[[str], InputError],
    ) -> None:
        """Start the process.

        Args:
            simulator: name of the simulator, for errors.
            python: interpreter of the environment in which the simulator is installed.
            worker: module of this package with the worker's `main`.
            arguments: arguments of the worker.
            unusable: makes the error for a simulator that cannot be started, for this reason.

        Raises:
            InputError: the simulator cannot be used here, or failed.
        """
        self._simulator = simulator
        # This package is last on the worker's path, and PYTHONPATH is removed, because its libraries are for this Python.
        packages = str(Path(__file__).resolve().parents[2])
        code = f"import sys; sys.path.append({packages!r}); from {worker} import main; main()"
        try:
            self._process = subprocess.Popen(
                [python, "-c", code, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            )
        except OSError as error:
            raise unusable(error.strerror or str(error)) from None
        try:
            word, _ = self._answer()
        except EOFError:
            word = "missing: the worker exited"
        if word != f"ready {VERSION}":
            self.close()
            other = f"expected 'ready {VERSION}', got {word!r}"
            raise unusable(word.removeprefix("missing: ") if word.startswith("missing: ") else other)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code of the process; None while it runs."""
        return self._process.returncode

    def ask(self, word: str, *arrays: NDArray[np.generic]) -> Sequence[NDArray[np.generic]]:
        """Send a message and return the arrays of its answer.

        Raises:
            InputError: the simulator has failed.
        """
        assert self._process.stdin is not None  # noqa: S101 - a pipe was requested
        try:
            send(self._process.stdin, word, *arrays)
            return self._answer()[1]
        except (EOFError, BrokenPipeError):
            self.close()
            raise InputError(
                f"environment.backend: {self._simulator} has exited; its last messages are above."
            ) from None

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
            raise InputError(f"environment.backend: {self._simulator} failed ({word.removeprefix('failed: ')}).")
        return word, arrays
