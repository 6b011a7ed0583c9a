"""How the gate is: whether everything is stopped, and why robots have held in the last minute."""

from __future__ import annotations

import re
from collections import Counter

from fleet_common.health import Check, Level
from fleet_common.recent_window import RecentWindow
from fleet_contract.action import ActionSource, RobotAction

LATE = {"no policy action", "no human action", "action of tick N", "action without the lease"}
"""Why robots hold whose action has not come in time; what came before it may still be there."""
REFUSED = {
    "action is not finite",
    "action is out of range",
    "action of N values",
    "not the policy's to give",
    "not what the lease is for",
    "values without a move",
}
"""Why robots hold that should have done what nobody may tell them."""
LATE_SHARE = 0.1
"""Of the robots' ticks: so many for which no action came in time are told of."""


class GateHealth:
    """Hears of every action that is released."""

    def __init__(self) -> None:
        self._tick = -1
        self._reasons: Counter[str] = Counter()
        self._ticks = RecentWindow[Counter[str]]()

    def released(self, action: RobotAction, now_s: float) -> None:
        """A robot has got its action of a tick."""
        if action.tick > self._tick:
            self._tick = action.tick
            self._reasons = Counter()
            self._ticks.add(self._reasons, now_s)
        self._reasons[_reason(action) if action.source is ActionSource.NOBODY else ""] += 1

    def checks(self, now_s: float, *, stopped: bool) -> list[Check]:
        """As operators are told; `stopped`: the emergency stop is latched."""
        stop = Check("emergency stop", Level.OK, "not latched")
        if stopped:
            stop = Check("emergency stop", Level.ERROR, "latched: every robot holds until it is reset")
        return [stop, self._holding(now_s)]

    def _holding(self, now_s: float) -> Check:
        counts = sum(self._ticks.values(now_s), Counter[str]())
        everything, moves = counts.total(), counts.pop("", 0)
        late = sum(counts[reason] for reason in LATE)
        refused = sum(counts[reason] for reason in REFUSED)
        values = {
            "robot ticks": everything,
            "held (robot ticks)": everything - moves,
            "late (robot ticks)": late,
            **{f"{reason} (robot ticks)": count for reason, count in sorted(counts.items())},
        }
        if refused:
            return Check("holding", Level.WARN, f"{refused} actions of the last minute were refused", values)
        if late > LATE_SHARE * everything:
            share = late / everything
            return Check("holding", Level.WARN, f"{share:.0%} of the actions of the last minute came too late", values)
        return Check("holding", Level.OK, f"held for {everything - moves} of {everything} robot ticks", values)


def _reason(action: RobotAction) -> str:
    """Without what differs from robot to robot and from tick to tick."""
    return re.sub(r"\d+", "N", action.reason.split(":")[0])
