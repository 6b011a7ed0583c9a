"""Checks which ROS middleware is chosen: rcl ends the process if it is not installed."""

from __future__ import annotations

import os

from ament_index_python import get_resources

from fleet_contract.validation import InputError

VARIABLE = "RMW_IMPLEMENTATION"
RESOURCE = "rmw_typesupport"
"""Type of the resources that every middleware registers."""


def require_rmw() -> None:
    """Refuse a middleware that is not installed.

    Raises:
        InputError: the environment chooses one.
    """
    chosen = os.environ.get(VARIABLE)
    installed = sorted(set(get_resources(RESOURCE)) - {"rmw_implementation"})
    if chosen and chosen not in installed:
        raise InputError(f"{VARIABLE}: expected {' or '.join(installed)}, which is installed, got {chosen}.")
