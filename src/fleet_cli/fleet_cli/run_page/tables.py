"""The tables of a run's page.

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
from fleet_cli.run_page.course import RunHistory
from fleet_contract.driving import Driver
from fleet_contract.fleet import AllocationConfig
from fleet_contract.lease import LeaseKind


@dataclass(frozen=True)
class Human:
    """What a supervisor gave."""

    name: str
    kind: str
    """A person, or a script of some style."""
    teleoperation_ticks: int
    hard_reset_ticks: int
    busy: float
    """Share of the run."""
    interventions: int
    switches: int
    """Times that they began with another robot than the one before."""


@dataclass(frozen=True)
class Robot:
    """What a robot did, and who drove it: ticks."""

    name: str
    successes: int
    hard_resets: int
    interventions: int
    ticks: Mapping[Driver, int]
    above: float
    """Share of the ticks at which the policy was more uncertain than the threshold; not a number where it never said."""


@dataclass(frozen=True)
class Version:
    """What happened while a version of the policy served."""

    number: int
    first_tick: int
    last_tick: int
    successes: int
    hard_resets: int
    human: float
    """Share of the robots' steps that belonged to humans."""
    uncertainty: float
    """Median, nats."""


@dataclass(frozen=True)
class FleetFileEntry:
    """One of the fleet file."""

    key: str
    value: str
    meaning: str


def humans(course: RunHistory, found: Sequence[Intervention]) -> list[Human]:
    """In the order of their names."""
    fleet, effort = course.history.fleet, course.history.effort
    helped = Counter(about.lease.supervisor for about in found)
    return [
        Human(
            name=name,
            kind="person" if name in fleet.operator_names else f"script, {fleet.style_of(human)}",
            teleoperation_ticks=effort[name][LeaseKind.TELEOPERATE],
            hard_reset_ticks=effort[name][LeaseKind.HARD_RESET],
            busy=effort[name].total() / course.ticks,
            interventions=helped[name],
            switches=int(course.metrics.switches_M[human]),
        )
        for human, name in enumerate(fleet.supervisor_names)
    ]


def robots(course: RunHistory, found: Sequence[Intervention], summary: Mapping[str, Any]) -> list[Robot]:
    """In the order of their names."""
    helped = Counter(about.lease.robot for about in found)
    unsure_TN = course.uncertainties_TN
    above_N = (unsure_TN > course.thresholds_T[:, None]).sum(axis=0)
    said_N = np.isfinite(unsure_TN).sum(axis=0)
    return [
        Robot(
            name=name,
            successes=row["successes"],
            hard_resets=row["hard_resets"],
            interventions=helped[name],
            ticks={driver: row[f"{driver.name.lower()}_ticks"] for driver in Driver},
            above=float(above_N[robot] / said_N[robot]) if said_N[robot] else np.nan,
        )
        for robot, (name, row) in enumerate(summary["per_robot"].items())
    ]


def versions(course: RunHistory) -> list[Version]:
    """In the order in which they served."""
    edges = [*course.served_from.items(), (0, course.ticks)]
    return [
        Version(
            number=number,
            first_tick=first,
            last_tick=end - 1,
            successes=_between(course.successes_T, first, end),
            hard_resets=_between(course.hard_resets_T, first, end),
            human=float((course.drivers_TN[first:end] >= Driver.HUMAN).mean()),
            uncertainty=_median(course.uncertainties_TN[first:end]),
        )
        for (number, first), (_, end) in pairwise(edges)
        if first < end
    ]


def settings(course: RunHistory) -> list[FleetFileEntry]:
    """Those of the fleet file that decided who gets help and how the policy learns."""
    fleet = course.history.fleet
    unused = _unused(fleet.allocation)
    parts: list[tuple[str, BaseModel, set[str]]] = [
        ("allocation", fleet.allocation, set(AllocationConfig.model_fields) - unused),
        ("policy", fleet.policy, {"checkpoint", "chains", "iterations"}),
        ("training", fleet.training, {"update_ticks", "gradient_steps"}),
        ("tick", fleet.tick, {"mode"}),
    ]
    return [
        FleetFileEntry(f"{part}.{key}", _said(value), type(model).model_fields[key].description or "")
        for part, model, keys in parts
        for key, value in model
        if key in keys
    ]


def _unused(allocation: AllocationConfig) -> set[str]:
    unused = {"budget_per_tick"} if allocation.budget_per_tick is None else set()
    unused |= set() if allocation.threshold == "online" else {"online_percentile", "online_ticks"}
    unused |= set() if "R" in allocation.order else {"risk_threshold"}
    return unused | (set() if allocation.order == "TD" else {"risk_weight"})


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _between(counts_T: np.ndarray[Any, np.dtype[np.int64]], first: int, end: int) -> int:
    return int(counts_T[end - 1] - (counts_T[first - 1] if first else 0))


def _median(values: np.ndarray[Any, np.dtype[np.float32]]) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else float("nan")
