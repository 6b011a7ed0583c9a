"""Python environments beside the fleet's, for programs whose requirements contradict its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from fleet_contract.validation import InputError

CHECKOUT = Path(sys.prefix).parent
"""Folder with the fleet's environment, .venv."""


@dataclass(frozen=True)
class SideEnvironment:
    """An environment in the checkout that is made when it is first needed."""

    program: str
    """What is installed there; scripts/setup_PROGRAM makes .venv-PROGRAM from requirements/PROGRAM.txt."""
    variable: str
    """Environment variable with the path of another Python interpreter in which the program is installed."""

    @property
    def interpreter(self) -> str:
        """Path of the interpreter."""
        return os.environ.get(self.variable, str(CHECKOUT / f".venv-{self.program}" / "bin" / "python"))

    def prepare(self, key: str) -> None:
        """Make the environment if it is missing or not the one that the requirements describe; messages go to standard error.

        Args:
            key: key or option that asks for the program.

        Raises:
            InputError: it cannot be made, for example without a network.
        """
        setup = CHECKOUT / "scripts" / f"setup_{self.program}"
        if self.variable in os.environ or not setup.exists():
            return
        if subprocess.run([sys.executable, setup], stdin=subprocess.DEVNULL, check=False).returncode:
            raise self.unusable(key, "its Python environment could not be set up, see above")

    def unusable(self, key: str, reason: str) -> InputError:
        """Return the error for a program that cannot be used, for this reason."""
        return InputError(
            f"{key}: expected {self.program} to be installed, but {self.interpreter} cannot load it ({reason.rstrip('.')}): check "
            f"the network and try again, or install requirements/{self.program}.txt elsewhere and set {self.variable} to that "
            "interpreter."
        )
