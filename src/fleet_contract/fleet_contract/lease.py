"""Leases: one human's exclusive right to one robot; kinds have the numbers of fleet_interfaces/msg/Lease."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any


class LeaseKind(IntEnum):
    """Kind of help that a human is asked for."""

    TELEOPERATE = 0
    HARD_RESET = 1


@dataclass(frozen=True)
class Lease:
    """A lease, which is valid at all ticks from `since_tick` on at which the lease table lists it."""

    robot: str
    """Name of the robot."""
    supervisor: str
    """Name of the human."""
    token: int
    """Number from 1, unique in a run and increasing."""
    kind: LeaseKind
    """Kind of help."""
    since_tick: int
    """First tick of the lease."""
    signal: str = ""
    """Name of the signal that called the human; empty if none did."""
    value: float = 0.0
    """Value of the signal when the lease began."""
    threshold: float = 0.0
    """Threshold that the value was above."""

    @property
    def is_alarm(self) -> bool:
        """Whether a signal called the human to drive the robot; the human may dismiss it as a false alarm."""
        return self.kind is LeaseKind.TELEOPERATE and bool(self.signal)


def lease_of(message: Any) -> Lease:
    """Return the lease of a fleet_interfaces/msg/Lease.

    Raises:
        ValueError: the kind is undefined.
    """
    lease = Lease(message.robot, message.supervisor, message.token, LeaseKind(message.kind), message.since_tick)
    # Bags of version 0.1.0 do not tell what called the human.
    if not hasattr(message, "signal"):
        return lease
    return replace(lease, signal=message.signal, value=message.value, threshold=message.threshold)


def fill_lease(message: Any, lease: Lease) -> None:
    """Write a lease into a fleet_interfaces/msg/Lease."""
    message.robot = lease.robot
    message.supervisor = lease.supervisor
    message.token = lease.token
    message.kind = int(lease.kind)
    message.since_tick = lease.since_tick
    message.signal = lease.signal
    message.value = lease.value
    message.threshold = lease.threshold
