"""Compares the decisions of a replay with those of the recorded run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from fleet_bags.recording import Recording
from fleet_contract.lease import Lease
from fleet_contract.signal import UNCERTAINTY


@dataclass(frozen=True)
class Agreement:
    """How well one kind of decision agrees."""

    compared: int
    """Number of recorded decisions that the replay made as well."""
    missing: int
    """Number of recorded decisions that the replay did not make."""
    equal: int
    """Number of decisions that are equal to the last bit."""
    largest_difference: float
    """Largest absolute difference between numbers of compared decisions, in their units."""

    def __str__(self) -> str:
        total = self.compared + self.missing
        missing = f", {self.missing} missing in the replay" if self.missing else ""
        difference = f", largest difference {self.largest_difference:.3g}" if self.largest_difference else ""
        return f"{self.equal} of {total} equal{missing}{difference}"


@dataclass(frozen=True)
class Comparison:
    """The agreement by kind of decision."""

    actions: Agreement
    """The policy's proposed actions per robot and tick."""
    uncertainties: Agreement
    """The policy's uncertainties per robot and tick."""
    leases: Agreement
    """The lease tables per tick: who holds which robot, since when and for what, who waits, and the uncertainty's threshold."""

    @property
    def parts(self) -> Mapping[str, Agreement]:
        """The agreement by name of the kind."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def same(self) -> bool:
        """Whether all decisions are equal."""
        return all(part.equal == part.compared + part.missing for part in self.parts.values())

    def summary(self) -> dict[str, Any]:
        """Return the comparison as plain values for JSON."""
        return {"same": self.same, **asdict(self)}


def compare(recorded: Recording, replay: Recording) -> Comparison:
    """Compare a recording with the recording of its replay."""
    return Comparison(
        actions=_agreement(_actions(recorded), _actions(replay)),
        uncertainties=_agreement(_uncertainties(recorded), _uncertainties(replay)),
        leases=_agreement(_tables(recorded), _tables(replay)),
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
    """Return the parts of the lease tables that bags of all versions hold."""
    return {
        tick: (table.threshold(UNCERTAINTY), *map(_lease, table.leases), *table.waiting)
        for tick, table in recording.leases.items()
    }


def _lease(lease: Lease) -> tuple[Any, ...]:
    return lease.robot, lease.supervisor, lease.token, lease.kind, lease.since_tick


def _agreement(recorded: Decisions, replay: Decisions) -> Agreement:
    both = recorded.keys() & replay.keys()
    return Agreement(
        compared=len(both),
        missing=len(recorded) - len(both),
        equal=sum(recorded[key] == replay[key] for key in both),
        largest_difference=max((_distance(recorded[key], replay[key]) for key in both), default=0.0),
    )


def _distance(recorded: Iterable[Any], replay: Iterable[Any]) -> float:
    pairs = zip(recorded, replay, strict=False)
    differences = [abs(a - b) for a, b in pairs if isinstance(a, float) and isinstance(b, float) and a != b]
    return float(np.max(differences, initial=0.0))
