"""Checks of the allocator: which humans are available, which robots wait, and which leases were not answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from fleet_common.health import Check, Level
from fleet_common.recent_window import RecentWindow
from fleet_contract.lease_table import LeaseTable
from fleet_contract.signal import VIOLATION

LONG_TICKS = 20
"""Waiting time, ticks, of a robot in violation from which the check is a warning."""


class AllocatorHealth:
    """Collects the lease tables, and the leases of the last minute that were not answered."""

    def __init__(self) -> None:
        self._tick = 0
        self._busy = 0
        self._thresholds: Mapping[str, float] = {}
        self._violated: set[str] = set()
        self._since: dict[str, int] = {}
        self._unanswered = RecentWindow[str]()
        self._late = RecentWindow[str]()

    def allocated(self, table: LeaseTable, violated: set[str]) -> None:
        """Add a lease table, and the robots in violation at its tick."""
        helped = {lease.robot for lease in table.leases}
        waiting = (*table.waiting, *sorted(violated - helped))
        self._since = {robot: self._since.get(robot, table.tick) for robot in waiting}
        self._tick, self._busy, self._violated = table.tick, len(helped), violated
        self._thresholds = {name: value for name, value in table.thresholds.items() if name != VIOLATION}

    def unanswered(self, human: str, now_s: float) -> None:
        """Add a lease that a human did not answer in time."""
        self._unanswered.add(human, now_s)

    def late(self, signals: Iterable[str], now_s: float) -> None:
        """Add the signals that did not count at a tick because they were late."""
        for signal in signals:
            self._late.add(signal, now_s)

    def checks(self, now_s: float, available: Mapping[str, bool]) -> list[Check]:
        """Return the checks; `available` says which humans can be assigned."""
        return [self._humans(available), self._waiting(), self._answers(now_s), self._signals(now_s)]

    def _humans(self, available: Mapping[str, bool]) -> Check:
        unavailable = [human for human, is_available in available.items() if not is_available]
        count = len(available) - len(unavailable)
        values: dict[str, str | float] = {
            "available": count,
            "busy": self._busy,
            "unavailable": ", ".join(unavailable) or "none",
        }
        if self._since and not count:
            return Check("humans", Level.WARN, "robots wait, and no human is available", values)
        return Check("humans", Level.OK, f"{count} of {len(available)} are available, {self._busy} are busy", values)

    def _waiting(self) -> Check:
        waits = {robot: self._tick - since for robot, since in self._since.items()}
        values: dict[str, str | float] = {
            "robots": len(waits),
            "longest wait (ticks)": max(waits.values(), default=0),
            "waiting": ", ".join(waits) or "none",
        }
        values |= {f"threshold of {name} (1)": value for name, value in self._thresholds.items()}
        long = [robot for robot, ticks in waits.items() if robot in self._violated and ticks >= LONG_TICKS]
        if long:
            message = f"in violation for {LONG_TICKS} ticks or longer without a human: {', '.join(long)}"
            return Check("waiting", Level.WARN, message, values)
        return Check("waiting", Level.OK, f"{len(waits)} robots wait for a human", values)

    def _answers(self, now_s: float) -> Check:
        unanswered = Counter(self._unanswered.values(now_s))
        if not unanswered:
            return Check("answers", Level.OK, "every lease of the last minute was answered in time")
        message = "leases of the last minute were not answered in time"
        return Check(
            "answers", Level.WARN, message, {f"{human} (leases)": count for human, count in unanswered.items()}
        )

    def _signals(self, now_s: float) -> Check:
        late = Counter(self._late.values(now_s))
        if not late:
            return Check("signals", Level.OK, "every signal of the last minute arrived in time")
        message = "signals of the last minute did not arrive in time and did not count"
        return Check("signals", Level.WARN, message, {f"{name} (ticks)": count for name, count in late.items()})
