"""How well the robots are helped: which humans are there, who waits for one, and who does not answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from fleet_allocator.allocator import Table
from fleet_common.health import Check, Level
from fleet_common.recent_window import RecentWindow

LONG_TICKS = 20
"""A robot in violation that waits so long is told of."""


class AllocatorHealth:
    """Hears of every table, and of leases that were not answered in the last minute."""

    def __init__(self) -> None:
        self._tick = 0
        self._busy = 0
        self._threshold: float | None = None
        self._violated: set[str] = set()
        self._since: dict[str, int] = {}
        self._unanswered = RecentWindow[str]()

    def allocated(self, tick: int, table: Table, violated: set[str]) -> None:
        """The table of a tick, and the robots that are in violation at it."""
        helped = {lease.robot for lease in table.leases}
        waiting = (*table.waiting, *sorted(violated - helped))
        self._since = {robot: self._since.get(robot, tick) for robot in waiting}
        self._tick, self._busy, self._threshold, self._violated = tick, len(helped), table.threshold, violated

    def unanswered(self, human: str, now_s: float) -> None:
        """A human has not answered a lease in time."""
        self._unanswered.add(human, now_s)

    def checks(self, now_s: float, there: Mapping[str, bool]) -> list[Check]:
        """As operators are told; `there`: which humans can be sent somewhere."""
        return [self._humans(there), self._waiting(), self._answers(now_s)]

    def _humans(self, there: Mapping[str, bool]) -> Check:
        gone = [human for human, here in there.items() if not here]
        here = len(there) - len(gone)
        values: dict[str, str | float] = {"there": here, "busy": self._busy, "not there": ", ".join(gone) or "none"}
        if self._since and not here:
            return Check("humans", Level.WARN, "nobody is there, and robots wait", values)
        return Check("humans", Level.OK, f"{here} of {len(there)} are there, {self._busy} are busy", values)

    def _waiting(self) -> Check:
        waits = {robot: self._tick - since for robot, since in self._since.items()}
        values: dict[str, str | float] = {
            "robots": len(waits),
            "longest wait (ticks)": max(waits.values(), default=0),
            "waiting": ", ".join(waits) or "none",
        }
        if self._threshold is not None:
            values["threshold (nats)"] = self._threshold
        long = [robot for robot, ticks in waits.items() if robot in self._violated and ticks >= LONG_TICKS]
        if long:
            message = f"in violation for {LONG_TICKS} ticks or longer without a human: {', '.join(long)}"
            return Check("waiting", Level.WARN, message, values)
        return Check("waiting", Level.OK, f"{len(waits)} robots wait for a human", values)

    def _answers(self, now_s: float) -> Check:
        missed = Counter(self._unanswered.values(now_s))
        if not missed:
            return Check("answers", Level.OK, "every lease of the last minute was answered in time")
        message = "leases of the last minute were not answered in time"
        return Check("answers", Level.WARN, message, {f"{human} (leases)": count for human, count in missed.items()})
