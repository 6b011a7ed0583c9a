"""Finds the alarms of a run: when each began, how long before its reason, and what became of it.

T ticks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from fleet_bags.recording import Recording
from fleet_contract.action import ActionKind, ActionSource
from fleet_contract.signal import VIOLATION


class Outcome(Enum):
    """What became of an alarm, as the text of the page."""

    DRIVEN = "driven"
    """A human drove the robot during the alarm."""
    DISMISSED = "dismissed"
    """A human found that the robot needed no help."""
    UNATTENDED = "unattended"
    """Neither."""


@dataclass(frozen=True)
class Alarm:
    """Consecutive ticks at which a signal of a robot is above its threshold."""

    signal: str
    robot: str
    first_tick: int
    last_tick: int
    value: float
    """Value of the signal at the first tick."""
    threshold: float
    outcome: Outcome
    lead_ticks: int | None
    """Number of ticks until the event; None if there is none before the next alarm of the signal or the end of the episode."""
    event: str
    """What comes first after the beginning: "violation" or "human", who drives; empty if nothing does."""


def alarms(recording: Recording) -> list[Alarm]:
    """Return all alarms of the order's signals but the violation, in the order in which they began.

    A robot in violation begins no alarm: it waits for a hard reset.
    """
    signals = {name for table in recording.leases.values() for name in table.thresholds} - {VIOLATION}
    found = [
        alarm
        for signal in sorted(signals & recording.signals.keys())
        for robot in range(len(recording.metadata.robots))
        for alarm in _alarms_of(recording, signal, robot)
    ]
    return sorted(found, key=lambda alarm: (alarm.first_tick, alarm.robot))


def _alarms_of(recording: Recording, signal: str, robot: int) -> Iterator[Alarm]:
    statuses, spans = recording.statuses_N[robot], list(_spans(recording, signal, recording.metadata.robots[robot]))
    begins = [ticks for ticks in spans if not (ticks[0] in statuses and statuses[ticks[0]].violated)]
    for number, ticks in enumerate(begins):
        later = begins[number + 1][0] if number + 1 < len(begins) else recording.ticks + 1
        yield _alarm(recording, signal, robot, ticks, later)


def _spans(recording: Recording, signal: str, name: str) -> Iterator[Sequence[int]]:
    """Yield the ticks of every unbroken time for which the signal of a robot is above its threshold."""
    span: list[int] = []
    for tick in range(recording.ticks):
        table, values = recording.leases.get(tick), recording.signals[signal].get(tick, {})
        if table and name in values and values[name] > table.threshold(signal):
            span.append(tick)
        elif span:
            yield span
            span = []
    if span:
        yield span


def _alarm(recording: Recording, signal: str, robot: int, ticks: Sequence[int], later: int) -> Alarm:
    name, first, last = recording.metadata.robots[robot], ticks[0], ticks[-1]
    lead_ticks, event = _lead(recording, robot, first, later)
    tables = [recording.leases[tick] for tick in range(first + 1, last + 2) if tick in recording.leases]
    outcome = Outcome.UNATTENDED
    if any((name, signal) in table.dismissals for table in tables):
        outcome = Outcome.DISMISSED
    elif any(_drives(recording, robot, tick) for tick in ticks):
        outcome = Outcome.DRIVEN
    return Alarm(
        signal=signal,
        robot=name,
        first_tick=first,
        last_tick=last,
        value=recording.signals[signal][first][name],
        threshold=recording.leases[first].threshold(signal),
        outcome=outcome,
        lead_ticks=lead_ticks,
        event=event,
    )


def _lead(recording: Recording, robot: int, first: int, later: int) -> tuple[int | None, str]:
    """Return the ticks until a violation or a human's first action, and which of them it is."""
    statuses = recording.statuses_N[robot]
    for tick in range(first, later):
        status = statuses.get(tick)
        if status and first in statuses and status.episode != statuses[first].episode:
            break
        if status and status.violated:
            return tick - first, "violation"
        if _drives(recording, robot, tick):
            return tick - first, "human"
    return None, ""


def _drives(recording: Recording, robot: int, tick: int) -> bool:
    """Return whether a human moves the robot at a tick."""
    action = recording.released_N[robot].get(tick)
    return action is not None and (action.source, action.kind) == (ActionSource.HUMAN, ActionKind.MOVE)
