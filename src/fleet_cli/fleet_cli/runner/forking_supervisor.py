"""supervisor whose nodes are forks of a process that has imported what all of them import.

They start, and start again after a crash, in a fraction of the time of a new interpreter.
"""

from __future__ import annotations

import os
import runpy
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from setproctitle import setproctitle
from supervisor.options import ServerOptions
from supervisor.supervisord import Supervisor, go

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR2)
"""Signals that supervisor handles itself."""


class ForkingOptions(ServerOptions):  # type: ignore[misc]
    """supervisor's operating system calls, with Python scripts of this interpreter run in the forked process itself."""

    def __init__(self, on_ready: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._on_ready = on_ready

    def openhttpservers(self, supervisord: Supervisor) -> None:
        """Listen for requests, and report that supervisor does."""
        super().openhttpservers(supervisord)
        self._on_ready()

    def execve(self, filename: str, argv: list[str], env: Mapping[str, str]) -> None:
        """Become the program; does not return unless the program cannot be started."""
        if _interpreter(filename) == sys.executable:
            _run(filename, argv, env)
        super().execve(filename, argv, env)


def _interpreter(filename: str) -> str:
    """Return the interpreter that a script names in its first line, or nothing."""
    with Path(filename).open("rb") as file:
        first = file.readline()
    return first[2:].decode(errors="replace").strip() if first.startswith(b"#!") else ""


def _run(script: str, argv: list[str], env: Mapping[str, str]) -> NoReturn:
    """Run a script as a new interpreter would, and exit."""
    for number in HANDLED:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(env)
    setproctitle(shlex.join([sys.executable, *argv]))
    sys.argv = list(argv)
    code = 1
    try:
        runpy.run_path(script, run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:  # noqa: BLE001 - as at the top of an interpreter
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # The objects of supervisor must not be finalized: their files are closed, and their numbers belong to others.
        os._exit(code)


def run_supervisor(configuration: Path, on_ready: Callable[[], None]) -> None:
    """Run supervisor until it is stopped; `on_ready` is called when it can be asked."""
    options = ForkingOptions(on_ready)
    options.realize(["--nodaemon", "--configuration", str(configuration)])
    options.first, options.test = True, False
    go(options)
