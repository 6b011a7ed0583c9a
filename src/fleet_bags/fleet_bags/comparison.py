"""What a fleet decided now, beside what it decided when the run was recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from fleet_bags.recording import Recording


@dataclass(frozen=True)
class Likeness:
    """How far one kind of decision is the same."""

    compared: int
    """Decisions of the past that there is one of now."""
    missing: int
    """Others of the past."""
    equal: int
    """To the last bit."""
    largest_difference: float
    """Of a number in them."""

    def __str__(self) -> str:
        total = self.compared + self.missing
        missing = f", {self.missing} were not decided now" if self.missing else ""
        differ = f", largest difference {self.largest_difference:.3g}" if self.largest_difference else ""
        return f"{self.equal} of {total} the same{missing}{differ}"


@dataclass(frozen=True)
class Comparison:
    """By kind of decision."""

    actions: Likeness
    """What the policy would have done, per robot and tick."""
    uncertainties: Likeness
    """Per robot and tick."""
    leases: Likeness
    """Tables, per tick: who has which robot, since when, for what."""

    @property
    def parts(self) -> Mapping[str, Likeness]:
        """By name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def same(self) -> bool:
        """Whether everything was decided as before."""
        return all(part.equal == part.compared + part.missing for part in self.parts.values())

    def summary(self) -> dict[str, Any]:
        """As plain values."""
        return {"same": self.same, **asdict(self)}


def compare(past: Recording, now: Recording) -> Comparison:
    """Compare two recordings of one fleet, the second one of a replay of the first."""
    return Comparison(
        actions=_likeness(_actions(past), _actions(now)),
        uncertainties=_likeness(_uncertainties(past), _uncertainties(now)),
        leases=_likeness(_tables(past), _tables(now)),
    )


Decisions = Mapping[Any, tuple[Any, ...]]


def _actions(recording: Recording) -> Decisions:
    return {
        (robot, tick): (action.kind, action.policy_version, *action.values)
        for robot, actions in enumerate(recording.proposed_N)
        for tick, action in actions.items()
    }


def _uncertainties(recording: Recording) -> Decisions:
    return {
        (robot, tick): (value,)
        for tick, report in recording.reports.items()
        for robot, value in report.uncertainties.items()
    }


def _tables(recording: Recording) -> Decisions:
    return {tick: (table.threshold, *table.leases, *table.waiting) for tick, table in recording.leases.items()}


def _likeness(past: Decisions, now: Decisions) -> Likeness:
    both = past.keys() & now.keys()
    return Likeness(
        compared=len(both),
        missing=len(past) - len(both),
        equal=sum(past[key] == now[key] for key in both),
        largest_difference=max((_distance(past[key], now[key]) for key in both), default=0.0),
    )


def _distance(past: Iterable[Any], now: Iterable[Any]) -> float:
    pairs = zip(past, now, strict=False)
    differences = [abs(a - b) for a, b in pairs if isinstance(a, float) and isinstance(b, float) and a != b]
    return float(np.max(differences, initial=0.0))
