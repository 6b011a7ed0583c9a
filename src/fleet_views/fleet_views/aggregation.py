"""Aggregates the fleet's diagnostics into groups, named as ROS's diagnostic_aggregator names them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from fleet_common.health import Check, Level

STALE_S = 5.0
"""Seconds without a report after which a check is stale."""
ROOT = "/Fleet"
"""Path of the group that holds all others."""
OTHER = "Other"
"""Group of checks whose hardware ID is no part of this fleet."""
SUMMARY = {Level.OK: "OK", Level.WARN: "Warning", Level.ERROR: "Error", Level.STALE: "Stale"}
"""Messages of groups; diagnostic monitors leave groups out of their lists of problems by these."""
TOP_LEVEL = "toplevel_state"
"""Name of the status that summarises the whole fleet, as in diagnostic_aggregator."""


class Aggregation:
    """Keeps the newest report of every check."""

    def __init__(self, groups: Iterable[str]) -> None:
        """Start without checks; `groups` are the names of the fleet, its robots and its supervisors."""
        self._groups = set(groups)
        self._received: dict[str, tuple[Check, float]] = {}

    def add(self, check: Check, now_s: float) -> bool:
        """Store a report that arrived at `now_s`, and return whether the check's level has changed."""
        before = self._received.pop(check.name, None)
        if not check.has_ended:
            self._received[check.name] = check, now_s
        return before is None or before[0].level is not check.level

    def items(self, now_s: float) -> list[Check]:
        """Return all checks as of `now_s`, sorted by name; their names are paths such as /Fleet/robot_01/bridge."""
        known = [
            replace(_stale_after(check, now_s - received_s), name=f"{self._path(check)}/{check.name.replace('/', ' ')}")
            for check, received_s in self._received.values()
        ]
        return sorted(known, key=lambda item: item.name)

    def _path(self, check: Check) -> str:
        return f"{ROOT}/{check.hardware_id if check.hardware_id in self._groups else OTHER}"


def report(items: Sequence[Check]) -> list[Check]:
    """Return the root group, all other groups and the items, each group with the level of its members."""
    groups: dict[str, list[Check]] = {}
    for item in items:
        groups.setdefault(item.name.rpartition("/")[0], []).append(item)
    heads = [_head(path, members) for path, members in groups.items()]
    return [_head(ROOT, heads), *heads, *items]


def top_level(items: Sequence[Check], fleet: str) -> Check:
    """Return the summary of the fleet: its message is the worst item's, its values list all items that are not OK."""
    troubles = [item for item in items if item.level is not Level.OK]
    level = rolled_up([item.level for item in items])
    message = SUMMARY[level]
    if troubles:
        # A stale item counts as an error, but its message tells less than that of a real error.
        worst = max(troubles, key=lambda item: (min(item.level, Level.ERROR), -item.level))
        message = f"{title(worst)}: {worst.message}"
    return Check(TOP_LEVEL, level, message, {title(item): item.message for item in troubles}, fleet)


def rolled_up(levels: Sequence[Level]) -> Level:
    """Return the worst level; a stale member makes its group an error, unless all members are stale."""
    if all(level is Level.STALE for level in levels):
        return Level.STALE
    return Level(min(max(levels), Level.ERROR))


def title(item: Check) -> str:
    """Return the name under which the item's node reported it."""
    return item.name.rpartition("/")[2]


def is_item(check: Check) -> bool:
    """Return whether a check was reported by a node, and does not stand for a group."""
    return check.name.count("/") > ROOT.count("/") + 1


def _stale_after(check: Check, silent_s: float) -> Check:
    if silent_s <= STALE_S:
        return check
    return replace(
        check, level=Level.STALE, message=f"no report for more than {STALE_S:g} s; the last was: {check.message}"
    )


def _head(path: str, members: list[Check]) -> Check:
    level = rolled_up([member.level for member in members])
    return Check(path, level, SUMMARY[level], {title(member): member.message for member in members})
