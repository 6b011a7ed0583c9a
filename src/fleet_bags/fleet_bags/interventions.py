"""Lists the interventions of a run: who helped which robot, when and why."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fleet_bags.recording import Recording
from fleet_contract.action import ActionSource
from fleet_contract.lease import Lease, LeaseKind
from fleet_contract.signal import UNCERTAINTY


@dataclass(frozen=True)
class Intervention:
    """One lease from its first tick to its last."""

    lease: Lease
    first_tick: int
    last_tick: int
    held_ticks: int
    """Number of ticks at which the robot held because the human's action was late or not allowed."""
    success_ticks: tuple[int, ...]
    """Ticks at which the robot completed its task."""
    uncertainty: float
    """Uncertainty of the policy at the first tick, in its unit; NaN where it reported none."""
    threshold: float
    """Uncertainty threshold at the first tick, in the policy's unit."""
    is_dismissed: bool
    """Whether the human found that the robot needed no help."""

    @property
    def is_reset(self) -> bool:
        """Whether the intervention is a hard reset."""
        return self.lease.kind is LeaseKind.HARD_RESET

    @property
    def is_uncertain(self) -> bool:
        """Whether the uncertainty above the threshold is its cause."""
        return not self.is_reset and self.uncertainty > self.threshold


def interventions(recording: Recording) -> tuple[Intervention, ...]:
    """Return all interventions of a run, in the order in which they began."""
    ticks: dict[Lease, list[int]] = {}
    for tick in sorted(recording.leases):
        for lease in recording.leases[tick].leases:
            ticks.setdefault(lease, []).append(tick)
    return tuple(_intervention(recording, lease, listed) for lease, listed in ticks.items())


def _intervention(recording: Recording, lease: Lease, ticks: list[int]) -> Intervention:
    robot = recording.metadata.robots.index(lease.robot)
    released, statuses = recording.released_N[robot], recording.statuses_N[robot]
    driven = sum(tick in released and released[tick].source is ActionSource.HUMAN for tick in ticks)
    report, after = recording.reports.get(ticks[0]), recording.leases.get(ticks[-1] + 1)
    return Intervention(
        lease=lease,
        first_tick=ticks[0],
        last_tick=ticks[-1],
        held_ticks=len(ticks) - driven,
        success_ticks=tuple(tick for tick in ticks if tick + 1 in statuses and statuses[tick + 1].succeeded),
        uncertainty=report.uncertainties.get(lease.robot, math.nan) if report else math.nan,
        threshold=recording.leases[ticks[0]].threshold(UNCERTAINTY),
        is_dismissed=after is not None and lease.is_alarm and (lease.robot, lease.signal) in after.dismissals,
    )
