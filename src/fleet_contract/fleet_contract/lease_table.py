"""Lease tables: which human has which robot at one tick, as fleet_interfaces/msg/LeaseTable carries them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fleet_contract.lease import Lease, fill_lease, lease_of
from fleet_contract.message_types import message_class
from fleet_contract.signal import UNCERTAINTY


class Dismissal(NamedTuple):
    """An alarm that a human has dismissed as false."""

    robot: str
    """Name of the robot."""
    signal: str
    """Name of the signal that was above its threshold."""


@dataclass(frozen=True)
class LeaseTable:
    """All leases of one tick. A robot without one is driven by the policy, or holds if it is in violation."""

    tick: int = -1
    leases: tuple[Lease, ...] = ()
    """At most one per robot and one per human."""
    waiting: tuple[str, ...] = ()
    """Robots that ask for help and have no human, most urgent first."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """By signal, in the order of the allocation: values above which a robot asks for help; infinite where there is none yet."""
    dismissals: tuple[Dismissal, ...] = ()
    """Alarms that humans have dismissed since the last table."""
    stamp: tuple[int, int] = field(default=(0, 0), compare=False)
    """Seconds and nanoseconds of the tick's observations, in a table that was received."""

    def threshold(self, signal: str) -> float:
        """Return the threshold of a signal; infinite if the allocation does not rank by it."""
        return self.thresholds.get(signal, math.inf)

    @property
    def offers(self) -> tuple[Lease, ...]:
        """Leases that start at this tick."""
        return tuple(lease for lease in self.leases if lease.since_tick == self.tick)

    @property
    def by_robot(self) -> dict[str, Lease]:
        """The leases by robot."""
        return {lease.robot: lease for lease in self.leases}


def lease_table_of(message: Any) -> LeaseTable:
    """Return the table in a fleet_interfaces/msg/LeaseTable.

    Raises:
        ValueError: a lease's kind is undefined, the thresholds do not fit the signals, or the dismissed signals the robots.
    """
    # In bags of version 0.1.0 there is one threshold, that of the uncertainty.
    old = not hasattr(message, "thresholds")
    signals, values = ([UNCERTAINTY], [message.threshold]) if old else (message.signals, message.thresholds)
    if len(signals) != len(values):
        raise ValueError(f"thresholds: expected one for each of {len(signals)} signals, got {len(values)}")
    # Bags from before there were dismissals have none.
    robots, dismissed = getattr(message, "dismissed", ()), getattr(message, "dismissed_signals", ())
    if len(robots) != len(dismissed):
        raise ValueError(f"dismissed_signals: expected one for each of {len(robots)} robots, got {len(dismissed)}")
    return LeaseTable(
        tick=message.tick,
        leases=tuple(map(lease_of, message.leases)),
        waiting=tuple(message.waiting),
        thresholds=dict(zip(signals, map(float, values), strict=True)),
        dismissals=tuple(map(Dismissal, robots, dismissed)),
        stamp=(message.header.stamp.sec, message.header.stamp.nanosec),
    )


def fill_lease_table(message: Any, table: LeaseTable, stamp: Any) -> None:
    """Write a table into a fleet_interfaces/msg/LeaseTable; `stamp` is that of the tick's observations."""
    message.header.stamp = stamp
    message.tick = table.tick
    lease_message = message_class("fleet_interfaces/msg/Lease")
    message.leases = [lease_message() for _ in table.leases]
    for entry, lease in zip(message.leases, table.leases, strict=True):
        fill_lease(entry, lease)
    message.waiting = list(table.waiting)
    message.signals = list(table.thresholds)
    message.thresholds = list(table.thresholds.values())
    message.dismissed = [dismissal.robot for dismissal in table.dismissals]
    message.dismissed_signals = [dismissal.signal for dismissal in table.dismissals]
