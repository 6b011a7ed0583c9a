"""Flower's processes, in an environment of their own; they end with the command that started them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from fleet_common.side_environment import SideEnvironment

ENVIRONMENT = SideEnvironment("flower", "FLOWER_PYTHON")
APP = Path(__file__).parent / "flower_app"
POLL_S = 0.5
END_S = 15.0
"""Time in which a process must end."""


class FlowerFolder:
    """A private folder with what Flower's processes of one command need: a socket to the command, their state and the app."""

    def __init__(self) -> None:
        """Make the folder; it is short, because paths of sockets must be."""
        self.path = Path(tempfile.mkdtemp(prefix="fleet-"))
        self.socket_path = self.path / "socket"
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(self.socket_path))
        self._socket.listen()
        self._socket.settimeout(POLL_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        shutil.rmtree(self.path, ignore_errors=True)

    def accept(self) -> Connection | None:
        """Return the next connection, or None if none came for a while."""
        try:
            accepted, _ = self._socket.accept()
        except TimeoutError:
            return None
        accepted.setblocking(True)
        return Connection(accepted.detach())

    def environment(self, socket_variable: str) -> dict[str, str]:
        """Return the environment variables of Flower's processes, which send no telemetry and look for no updates."""
        binaries = Path(ENVIRONMENT.interpreter).parent
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "FLWR_"))},
            "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "FLWR_HOME": str(self.path / "flower"),
            "FLWR_TELEMETRY_ENABLED": "0",
            "FLWR_DISABLE_UPDATE_CHECK": "1",
            "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
            socket_variable: str(self.socket_path),
        }


class FlowerProcess:
    """A superlink or supernode."""

    def __init__(self, program: str, options: Sequence[str], environment: Mapping[str, str], log: TextIO) -> None:
        """Start the process.

        Args:
            program: superlink or supernode.
            options: its options.
            environment: its environment variables.
            log: where its output goes.
        """
        self._process = subprocess.Popen(
            [ENVIRONMENT.interpreter, "-I", APP / "process.py", program, *options],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def end(self) -> None:
        """End the process, by force if it does not end in time."""
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def free_port() -> int:
    """Return a port of the loopback interface that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
