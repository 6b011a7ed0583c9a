"""The process of supervisor: a fork of the command, which imports what the nodes need while the command still checks the run."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

from setproctitle import getproctitle, setproctitle

from fleet_bringup.graph import ENVIRONMENT

SHARED = ("torch",)
"""Modules that the command imports before the fork, because it needs them too."""
PRELOADED = (
    "fleet_learning.policy_node",
    "fleet_learning.trainer_node",
    "sim_bridge.bridge_node",
    "fleet_bags.recorder_node",
    "fleet_allocator.allocator_node",
    "fleet_safety.gate_node",
    "fleet_supervisors.station_node",
    "fleet_views.markers_node",
    "fleet_views.diagnostics_node",
    # What those import when they run.
    "iifl_policy.implicit",
    "rosidl_generator_py",
    "rosbags.typesys.stores.ros2_kilted",
)
"""Modules that supervisor's process imports for the nodes, which are forks of it. Neither these nor the shared ones may start threads,
which forks do not have, or use a GPU."""
MALLOC = {"MALLOC_TRIM_THRESHOLD_": -1, "MALLOC_MMAP_THRESHOLD_": -3}
"""Parameters of mallopt(3) by the environment variables that glibc reads them from, but only when a program starts."""
PR_SET_PDEATHSIG = 1
"""Option of prctl(2) that sends a signal to this process when its parent dies."""
FORK = multiprocessing.get_context("fork")


class SupervisorProcess:
    """Runs supervisor in a fork of this process.

    This is a context manager, at whose end supervisor and its processes have exited. If this process is killed, they exit as well.
    """

    def __enter__(self) -> Self:
        """Start the process, which imports what the nodes need and then waits for `start`."""
        getproctitle()  # finds out how long a title may be, before anything moves the environment
        # OpenMP reads its variables when torch is imported.
        os.environ.update(ENVIRONMENT | os.environ)
        _import(SHARED)
        self._connection, connection = FORK.Pipe()
        self._process = FORK.Process(target=_run, args=(self._connection, connection), name="supervisor")
        self._process.start()
        connection.close()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop what is still running."""
        self.stop(0)

    def start(self, configuration: Path, errors: Path, *, timeout_s: float) -> None:
        """Start supervisor with the present environment of this process, and return when it can be asked.

        Args:
            configuration: Configuration file of supervisor.
            errors: File for what supervisor prints.
            timeout_s: Time within which it starts, s.

        Raises:
            RuntimeError: supervisor does not start.
        """
        with suppress(OSError, EOFError):
            self._connection.send((configuration, dict(os.environ), errors))
            if self._connection.poll(timeout_s):
                self._connection.recv()
                return
        raise RuntimeError(f"supervisor did not start: {errors.read_text() if errors.exists() else ''}")

    def is_running(self) -> bool:
        """Return whether supervisor has not exited yet."""
        return self._process.is_alive()

    def stop(self, grace_s: float) -> None:
        """Wait until supervisor has exited, and tell it to after `grace_s`."""
        self._process.join(grace_s)
        self._process.terminate()
        self._process.join()


def _run(parent: Connection, connection: Connection) -> None:
    """Import what the nodes need, then run supervisor as `SupervisorProcess.start` says."""
    parent.close()
    os.setsid()  # a terminal's Ctrl-C is for the command alone
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    setproctitle("fleet supervisor")
    # A fork does not read the variables of its environment that are for the start of a program.
    for variable, parameter in MALLOC.items():
        libc.mallopt(parameter, int(os.environ[variable]))
    sys.stdout, sys.stderr = (os.fdopen(file, "w", 1, "utf-8", closefd=False) for file in (1, 2))
    _import(PRELOADED)
    from rclpy import get_rmw_implementation_identifier

    from fleet_cli.runner.forking_supervisor import run_supervisor

    get_rmw_implementation_identifier()  # loads the libraries of DDS
    try:
        configuration, environment, errors = connection.recv()
    except EOFError:
        return
    os.environ.clear()
    os.environ.update(environment)
    with errors.open("wb") as file, Path(os.devnull).open("wb") as null:
        os.dup2(null.fileno(), 1)
        os.dup2(file.fileno(), 2)
    run_supervisor(configuration, lambda: connection.send(None))


def _import(modules: Iterable[str]) -> None:
    """Import modules that are there, without garbage collections meanwhile and of them later."""
    gc.disable()
    for module in modules:
        with suppress(ImportError):  # whoever needs it reports it
            import_module(module)
    gc.freeze()
    gc.enable()
