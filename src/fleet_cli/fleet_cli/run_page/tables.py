"""Computes the tables of a run's page.

N robots, T ticks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from pydantic import BaseModel

from fleet_bags.interventions import Intervention
from fleet_cli.run_page.run_history import RunHistory
from fleet_contract.driving import Driver
from fleet_contract.fleet import AllocationConfig
from fleet_contract.lease import LeaseKind


@dataclass(frozen=True)
class Human:
    """The work of a supervisor."""

    name: str
    kind: str
    """"person", or "script" with its style."""
    teleoperation_ticks: int
    hard_reset_ticks: int
    busy: float
    """Share of the run's ticks with a robot."""
    interventions: int
    switches: int
    """Number of interventions with another robot than the previous one."""


@dataclass(frozen=True)
class Robot:
    """What a robot achieved, and who drove it."""

    name: str
    successes: int
    hard_resets: int
    interventions: int
    ticks: Mapping[Driver, int]
    """Number of ticks by driver."""
    above_threshold: float
    """Share of the ticks with an uncertainty at which it was above the threshold; NaN if there are none."""


@dataclass(frozen=True)
class Version:
    """What happened while a policy version was deployed."""

    number: int
    first_tick: int
    last_tick: int
    successes: int
    hard_resets: int
    human: float
    """Share of the robots' steps that humans drove."""
    uncertainty: float
    """Median uncertainty."""


@dataclass(frozen=True)
class FleetFileEntry:
    """A value of the fleet file."""

    key: str
    value: str
    meaning: str


def humans(run: RunHistory, interventions: Sequence[Intervention]) -> list[Human]:
    """Return the work of all supervisors, in the order of their names."""
    fleet, effort = run.history.fleet, run.history.effort
    counts = Counter(intervention.lease.supervisor for intervention in interventions)
    return [
        Human(
            name=name,
            kind="person" if name in fleet.operator_names else f"script, {fleet.style_of(human)}",
            teleoperation_ticks=effort[name][LeaseKind.TELEOPERATE],
            hard_reset_ticks=effort[name][LeaseKind.HARD_RESET],
            busy=effort[name].total() / run.ticks,
            interventions=counts[name],
            switches=int(run.metrics.switches_M[human]),
        )
        for human, name in enumerate(fleet.supervisor_names)
    ]


def robots(run: RunHistory, interventions: Sequence[Intervention], summary: Mapping[str, Any]) -> list[Robot]:
    """Return what all robots achieved, in the order of their names."""
    counts = Counter(intervention.lease.robot for intervention in interventions)
    uncertainties_TN = run.uncertainties_TN
    above_N = (uncertainties_TN > run.thresholds_T[:, None]).sum(axis=0)
    reported_N = np.isfinite(uncertainties_TN).sum(axis=0)
    return [
        Robot(
            name=name,
            successes=row["successes"],
            hard_resets=row["hard_resets"],
            interventions=counts[name],
            ticks={driver: row[f"{driver.name.lower()}_ticks"] for driver in Driver},
            above_threshold=float(above_N[robot] / reported_N[robot]) if reported_N[robot] else np.nan,
        )
        for robot, (name, row) in enumerate(summary["per_robot"].items())
    ]


def versions(run: RunHistory) -> list[Version]:
    """Return the policy versions in the order in which they were deployed."""
    edges = [*run.deployed_at.items(), (0, run.ticks)]
    return [
        Version(
            number=number,
            first_tick=first,
            last_tick=end - 1,
            successes=_between(run.successes_T, first, end),
            hard_resets=_between(run.hard_resets_T, first, end),
            human=float((run.drivers_TN[first:end] >= Driver.HUMAN).mean()),
            uncertainty=_median(run.uncertainties_TN[first:end]),
        )
        for (number, first), (_, end) in pairwise(edges)
        if first < end
    ]


def settings(run: RunHistory) -> list[FleetFileEntry]:
    """Return the values of the fleet file that decide who gets help and how the policy learns."""
    fleet = run.history.fleet
    unused = _unused(fleet.allocation)
    parts: list[tuple[str, BaseModel, set[str]]] = [
        ("allocation", fleet.allocation, set(AllocationConfig.model_fields) - unused),
        ("policy", fleet.policy, {"checkpoint", "chains", "iterations"}),
        ("training", fleet.training, {"update_ticks", "gradient_steps"}),
        ("tick", fleet.tick, {"mode"}),
    ]
    return [
        FleetFileEntry(f"{part}.{key}", _text(value), type(model).model_fields[key].description or "")
        for part, model, keys in parts
        for key, value in model
        if key in keys
    ]


def _unused(allocation: AllocationConfig) -> set[str]:
    unused = set() if allocation.options else {"options"}
    return unused | (set() if "online" in allocation.thresholds.values() else {"online_percentile", "online_ticks"})


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(entry)}" for name, entry in value.items()) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _between(counts_T: np.ndarray[Any, np.dtype[np.int64]], first: int, end: int) -> int:
    return int(counts_T[end - 1] - (counts_T[first - 1] if first else 0))


def _median(values: np.ndarray[Any, np.dtype[np.float32]]) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else float("nan")
