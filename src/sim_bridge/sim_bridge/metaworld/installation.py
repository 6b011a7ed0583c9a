"""The Python environment of Meta-World, which lies beside the fleet's and is made when it is first needed."""

from __future__ import annotations

from fleet_common.side_environment import SideEnvironment
from fleet_contract.validation import InputError

INTERPRETER = "METAWORLD_PYTHON"
"""Environment variable with the path of another Python interpreter in which Meta-World is installed."""
ENVIRONMENT = SideEnvironment("metaworld", INTERPRETER)
KEY = "environment.backend"


def interpreter() -> str:
    """Return the interpreter in which Meta-World is installed."""
    return ENVIRONMENT.interpreter


def prepare() -> None:
    """Make the environment if it is missing or not the one that the requirements describe; messages go to standard error.

    Raises:
        InputError: it cannot be made, for example without a network.
    """
    ENVIRONMENT.prepare(KEY)


def unusable(reason: str) -> InputError:
    """Return the error for a Meta-World that cannot be used, for this reason."""
    return ENVIRONMENT.unusable(KEY, reason)
