"""Reconstructs from a recording what the console saw during the run, tick by tick.

N robots, T ticks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet_allocator.effort import return_on_human_effort
from fleet_allocator.metrics import Metrics
from fleet_bags.recording import Recording
from fleet_contract.signal import UNCERTAINTY
from fleet_contract.validation import InputError
from fleet_views.history import History


@dataclass(frozen=True)
class RunHistory:
    """A recorded run from its first tick to its last."""

    recording: Recording
    history: History
    metrics: Metrics
    drivers_TN: NDArray[np.int8]
    uncertainties_TN: NDArray[np.float32]
    """Uncertainties; NaN where the policy reported none."""
    thresholds_T: NDArray[np.float64]
    """Thresholds of the uncertainty; a tick without one has the previous one."""
    rohe_T: NDArray[np.float64]
    """Return on human effort up to each tick (IIFL equation 3)."""
    successes_T: NDArray[np.int64]
    """Number of successes of all robots up to each tick."""
    hard_resets_T: NDArray[np.int64]
    """Number of hard resets of all robots up to each tick."""
    deployed_at: Mapping[int, int]
    """First tick of every policy version."""

    @property
    def ticks(self) -> int:
        """Number of ticks, T."""
        return len(self.rohe_T)

    @property
    def updates(self) -> Mapping[int, int]:
        """First tick of every policy version but the first."""
        return dict(list(self.deployed_at.items())[1:])

    @property
    def wall_s(self) -> float:
        """Time from the first tick to the last, s."""
        stamps = [s.stamp[0] + s.stamp[1] * 1e-9 for rows in self.recording.statuses_N for s in rows.values()]
        return max(stamps, default=0.0) - min(stamps, default=0.0)


def run_history(recording: Recording) -> RunHistory:
    """Return what the console would have seen of a recorded run.

    Raises:
        InputError: a lease names a robot or human that is not in the fleet.
    """
    fleet = recording.metadata.fleet
    history, metrics = History(fleet), Metrics(fleet.robot_names, fleet.supervisor_names)
    thresholds, rohes, successes, hard_resets = [], [], [], []
    history.unit = recording.units.get(UNCERTAINTY, "")
    for tick in range(recording.ticks + 1):
        _add_statuses(history, recording, tick)
        if tick:
            rohe = return_on_human_effort(
                robots=fleet.robots.count,
                supervisors=fleet.supervisors.count,
                reward=history.completed,
                human_actions=metrics.human_actions,
            )
            rohes.append(rohe)
            successes.append(history.completed)
            hard_resets.append(sum(history.hard_resets.values()))
        _add_decisions(history, metrics, recording, tick)
        thresholds.append(history.threshold)
    deployed_at: dict[int, int] = {}
    for tick in sorted(recording.reports):
        deployed_at.setdefault(recording.reports[tick].version, tick)
    return RunHistory(
        recording=recording,
        history=history,
        metrics=metrics,
        drivers_TN=history.drivers_TN(),
        uncertainties_TN=history.uncertainties_TN(),
        thresholds_T=np.array(thresholds[: recording.ticks]),
        rohe_T=np.array(rohes, dtype=np.float64),
        successes_T=np.array(successes, dtype=np.int64),
        hard_resets_T=np.array(hard_resets, dtype=np.int64),
        deployed_at=deployed_at,
    )


def _add_statuses(history: History, recording: Recording, tick: int) -> None:
    for robot, statuses in zip(recording.metadata.robots, recording.statuses_N, strict=True):
        if status := statuses.get(tick):
            history.add_status(robot, tick, successes=status.successes, hard_resets=status.hard_resets)


def _add_decisions(history: History, metrics: Metrics, recording: Recording, tick: int) -> None:
    if report := recording.reports.get(tick):
        history.add_uncertainties(tick, report.version, report.uncertainties)
    for robot, released in zip(recording.metadata.robots, recording.released_N, strict=True):
        if action := released.get(tick):
            history.add_action(robot, action)
    if table := recording.leases.get(tick):
        _require_known(recording, tick)
        history.add_leases(tick, table.leases, table.waiting, table.threshold(UNCERTAINTY), len(table.dismissals))
        before_N = [statuses.get(tick) for statuses in recording.statuses_N]
        after_N = [statuses.get(tick + 1) for statuses in recording.statuses_N]
        metrics.add(
            table,
            np.array([bool(status and status.violated) for status in before_N]),
            np.array([bool(status and status.succeeded) for status in after_N]),
        )


def _require_known(recording: Recording, tick: int) -> None:
    robots, supervisors = recording.metadata.robots, recording.metadata.fleet.supervisor_names
    for lease in recording.leases[tick].leases:
        if lease.robot not in robots or lease.supervisor not in supervisors:
            raise InputError(
                f"{recording.bag}: /fleet/leases: expected {supervisors[0]} to {supervisors[-1]} with "
                f"{robots[0]} to {robots[-1]}, got {lease.supervisor!r} with {lease.robot!r} at tick {tick}."
            )
