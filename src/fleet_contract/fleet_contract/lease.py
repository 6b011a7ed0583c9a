"""Leases: one supervisor's exclusive right to one robot; the numbers are those of fleet_interfaces/msg/Lease."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class LeaseKind(IntEnum):
    """What a supervisor is asked for."""

    TELEOPERATE = 0
    HARD_RESET = 1


@dataclass(frozen=True)
class Lease:
    """A right that holds at every tick from `since_tick` on for which the lease table lists it."""

    robot: str
    supervisor: str
    token: int
    """Unique in a run and growing, from 1."""
    kind: LeaseKind
    since_tick: int


def lease_of(message: Any) -> Lease:
    """What a fleet_interfaces/msg/Lease says.

    Raises:
        ValueError: its kind is none of the defined ones.
    """
    return Lease(message.robot, message.supervisor, message.token, LeaseKind(message.kind), message.since_tick)


def fill_lease(message: Any, lease: Lease) -> None:
    """Write a lease into a fleet_interfaces/msg/Lease."""
    message.robot = lease.robot
    message.supervisor = lease.supervisor
    message.token = lease.token
    message.kind = int(lease.kind)
    message.since_tick = lease.since_tick
