"""Attaches a command to a run that is in progress on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from fleet_bringup.graph import ENVIRONMENT
from fleet_cli.runner.domain import runs_in_progress
from fleet_contract.validation import InputError

DISCOVERY_S = 4.0
"""Time in which a node discovers all others of its domain, s."""


def attach(run: Path | None) -> Path:
    """Enter the ROS domain of a run and return the run's folder; without `run`, of the only run in progress.

    Raises:
        InputError: no such run is in progress, or several are and none is named.
    """
    domains = runs_in_progress()
    folder = run.absolute() if run else next(iter(domains), None) if len(domains) == 1 else None
    if folder not in domains:
        expected = "--run: expected the folder of a run in progress on this machine"
        if not domains:
            raise InputError(f"{expected}, got none; ./fleet up starts one.")
        raise InputError(f"{expected} ({', '.join(map(str, domains))}), got {run or 'none'}.")
    os.environ.update(ENVIRONMENT | os.environ | {"ROS_DOMAIN_ID": str(domains[folder])})
    return folder
