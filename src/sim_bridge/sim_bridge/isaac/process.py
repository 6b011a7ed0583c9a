"""Starts the process that runs Isaac Gym.

Isaac Gym's last release needs Python 3.8 or older, so that it runs in another interpreter.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from fleet_contract.validation import InputError
from sim_bridge.worker.process import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

INTERPRETER = "ISAACGYM_PYTHON"
"""Environment variable with the path of the Python interpreter in which Isaac Gym is installed."""


class IsaacProcess(WorkerProcess):
    """A worker process with Isaac Gym."""

    def __init__(self, what: str, arguments: Mapping[str, object]) -> None:
        """Start the process.

        Args:
            what: "cells" or "robots", see `isaac.worker`.
            arguments: arguments of the cells or robots, which are sent as JSON.

        Raises:
            InputError: Isaac Gym cannot be used here, or failed.
        """
        python = os.environ.get(INTERPRETER, sys.executable)
        super().__init__(
            "Isaac Gym",
            python,
            "sim_bridge.isaac.worker",
            [what, json.dumps(arguments)],
            lambda reason: _unusable(python, reason),
        )


def _unusable(python: str, reason: str) -> InputError:
    return InputError(
        f"environment.backend: expected isaacgym to be installed, but {python} cannot load it ({reason.rstrip('.')}): get Isaac Gym "
        f"Preview 4 from https://developer.nvidia.com/isaac-gym, install it in Python 3.8 and set {INTERPRETER} to that interpreter, "
        "or set environment.backend: mujoco."
    )
