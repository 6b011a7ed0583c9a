"""Checks of the gate: the emergency stop, and why robots held in the last minute."""

from __future__ import annotations

import re
from collections import Counter

from fleet_common.health import Check, Level
from fleet_common.recent_window import RecentWindow
from fleet_contract.action import ActionSource, RobotAction

LATE = {"no policy action", "no human action", "action of tick N", "action without the lease"}
"""Reasons for holding because an action arrived late or not at all; an older one may still be stored."""
REFUSED = {
    "action is not finite",
    "action is out of range",
    "action of N values",
    "not permitted to the policy",
    "not permitted by the lease",
    "values without a move",
}
"""Reasons for holding because an action was refused."""
LATE_SHARE = 0.1
"""Share of robot ticks without an action in time above which the check is a warning."""


class GateHealth:
    """Counts the released actions of the last minute by the reason for holding."""

    def __init__(self) -> None:
        self._tick = -1
        self._reasons: Counter[str] = Counter()
        self._ticks = RecentWindow[Counter[str]]()

    def released(self, action: RobotAction, now_s: float) -> None:
        """Add an action that was released to a robot."""
        if action.tick > self._tick:
            self._tick = action.tick
            self._reasons = Counter()
            self._ticks.add(self._reasons, now_s)
        self._reasons[_reason(action) if action.source is ActionSource.NOBODY else ""] += 1

    def checks(self, now_s: float, *, stopped: bool) -> list[Check]:
        """Return the checks; `stopped` says whether the emergency stop is latched."""
        stop = Check("emergency stop", Level.OK, "not latched")
        if stopped:
            stop = Check("emergency stop", Level.ERROR, "latched: every robot holds until it is reset")
        return [stop, self._holding(now_s)]

    def _holding(self, now_s: float) -> Check:
        counts = sum(self._ticks.values(now_s), Counter[str]())
        total, moves = counts.total(), counts.pop("", 0)
        late = sum(counts[reason] for reason in LATE)
        refused = sum(counts[reason] for reason in REFUSED)
        values = {
            "robot ticks": total,
            "held (robot ticks)": total - moves,
            "late (robot ticks)": late,
            **{f"{reason} (robot ticks)": count for reason, count in sorted(counts.items())},
        }
        if refused:
            return Check("holding", Level.WARN, f"{refused} actions of the last minute were refused", values)
        if late > LATE_SHARE * total:
            share = late / total
            return Check("holding", Level.WARN, f"{share:.0%} of the actions of the last minute were late", values)
        return Check("holding", Level.OK, f"held for {total - moves} of {total} robot ticks", values)


def _reason(action: RobotAction) -> str:
    """Return the reason without parts that differ between robots and ticks."""
    return re.sub(r"\d+", "N", action.reason.split(":")[0])
