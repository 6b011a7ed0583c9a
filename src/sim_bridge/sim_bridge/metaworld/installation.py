"""The Python environment of Meta-World, which lies beside the fleet's and is made when it is first needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from fleet_contract.validation import InputError

INTERPRETER = "METAWORLD_PYTHON"
"""Environment variable with the path of another Python interpreter in which Meta-World is installed."""
CHECKOUT = Path(sys.prefix).parent
"""Folder with the fleet's environment, .venv."""
PYTHON = CHECKOUT / ".venv-metaworld" / "bin" / "python"
"""Interpreter of the environment that `prepare` makes."""


def interpreter() -> str:
    """Return the interpreter in which Meta-World is installed."""
    return os.environ.get(INTERPRETER, str(PYTHON))


def prepare() -> None:
    """Make the environment if it is missing or not the one that the requirements describe; messages go to standard error.

    Raises:
        InputError: it cannot be made, for example without a network.
    """
    setup = CHECKOUT / "scripts" / "setup_metaworld"
    if INTERPRETER in os.environ or not setup.exists():
        return
    if subprocess.run([sys.executable, setup], stdin=subprocess.DEVNULL, check=False).returncode:
        raise unusable("its Python environment could not be set up, see above")


def unusable(reason: str) -> InputError:
    """Return the error for a Meta-World that cannot be used, for this reason."""
    return InputError(
        f"environment.backend: expected metaworld to be installed, but {interpreter()} cannot load it ({reason.rstrip('.')}): check "
        f"the network and try again, or install requirements/metaworld.txt elsewhere and set {INTERPRETER} to that interpreter."
    )
