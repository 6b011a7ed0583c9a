"""Determines who drives a robot at a tick."""

from __future__ import annotations

from enum import IntEnum

from fleet_contract.action import ActionSource, RobotAction
from fleet_contract.lease import Lease, LeaseKind


class Driver(IntEnum):
    """Driver of a robot at a tick."""

    NOBODY = 0
    """The robot held."""
    POLICY = 1
    HUMAN = 2
    RESET = 3
    """A human gave it a hard reset."""


def driver_of(action: RobotAction | None, lease: Lease | None) -> Driver:
    """Return the driver of a robot from its released action and its lease at the tick; either may be missing."""
    if lease is not None and lease.kind is LeaseKind.HARD_RESET:
        return Driver.RESET
    if action is None or action.source is ActionSource.NOBODY:
        return Driver.NOBODY
    return Driver.HUMAN if action.source is ActionSource.HUMAN else Driver.POLICY
