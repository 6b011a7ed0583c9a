"""Joining a run that goes on on this machine already."""

from __future__ import annotations

import os
from pathlib import Path

from fleet_bringup.graph import ENVIRONMENT
from fleet_cli.runner.domain import runs
from fleet_contract.validation import InputError

DISCOVERY_S = 4.0
"""Time to hear of everybody on a domain."""


def attach(run: Path | None) -> Path:
    """Be on the run's domain; returns its folder.

    Raises:
        BadInput: no such run is going on, or several are and none is named.
    """
    going_on = runs()
    folder = run.absolute() if run else next(iter(going_on), None) if len(going_on) == 1 else None
    if folder not in going_on:
        found = f"found {run}, " if run else ""
        raise InputError(f"--run: {found}allowed is the folder of a run on this machine: {_listed(going_on)}.")
    os.environ.update(ENVIRONMENT | os.environ | {"ROS_DOMAIN_ID": str(going_on[folder])})
    return folder


def _listed(going_on: dict[Path, int]) -> str:
    return ", ".join(map(str, going_on)) or "there is none, ./fleet up starts one"
