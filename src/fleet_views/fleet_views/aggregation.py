"""All checks of a fleet, grouped by what they are about, as ROS's diagnostic_aggregator groups and names them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from fleet_common.health import Check, Level

STALE_S = 5.0
"""Nobody knows about what was not told for so long."""
ROOT = "/Fleet"
OTHER = "Other"
"""Group of what is about nothing of this fleet."""
SUMMARY = {Level.OK: "OK", Level.WARN: "Warning", Level.ERROR: "Error", Level.STALE: "Stale"}
"""What groups say: monitors leave groups out of their lists of problems by it."""
TOP_LEVEL = "toplevel_state"


class Aggregation:
    """Keeps the newest of every check that was told."""

    def __init__(self, groups: Iterable[str]) -> None:
        """`groups` are the names of the fleet, its robots and its humans."""
        self._groups = set(groups)
        self._heard: dict[str, tuple[Check, float]] = {}

    def hear(self, check: Check, now_s: float) -> bool:
        """Something was told; whether it is at another level than before."""
        before = self._heard.pop(check.name, None)
        if not check.has_ended:
            self._heard[check.name] = check, now_s
        return before is None or before[0].level is not check.level

    def items(self, now_s: float) -> list[Check]:
        """What is known now, with paths as names."""
        known = [
            replace(_as_known(check, now_s - heard_s), name=f"{self._path(check)}/{check.name.replace('/', ' ')}")
            for check, heard_s in self._heard.values()
        ]
        return sorted(known, key=lambda item: item.name)

    def _path(self, check: Check) -> str:
        return f"{ROOT}/{check.hardware_id if check.hardware_id in self._groups else OTHER}"


def report(items: Sequence[Check]) -> list[Check]:
    """All items, and how well every group of them is and the whole."""
    groups: dict[str, list[Check]] = {}
    for item in items:
        groups.setdefault(item.name.rpartition("/")[0], []).append(item)
    heads = [_head(path, members) for path, members in groups.items()]
    return [_head(ROOT, heads), *heads, *items]


def top_level(items: Sequence[Check], fleet: str) -> Check:
    """The worst of all, and whatever is not well."""
    troubles = [item for item in items if item.level is not Level.OK]
    level = rolled_up([item.level for item in items])
    message = SUMMARY[level]
    if troubles:
        # What is not known is as bad as an error, and says less.
        worst = max(troubles, key=lambda item: (min(item.level, Level.ERROR), -item.level))
        message = f"{title(worst)}: {worst.message}"
    return Check(TOP_LEVEL, level, message, {title(item): item.message for item in troubles}, fleet)


def rolled_up(levels: Sequence[Level]) -> Level:
    """The worst level. Of what is known only in parts, what is not known is an error."""
    if all(level is Level.STALE for level in levels):
        return Level.STALE
    return Level(min(max(levels), Level.ERROR))


def title(item: Check) -> str:
    """What an item was called by whoever told it."""
    return item.name.rpartition("/")[2]


def is_item(check: Check) -> bool:
    """Whether this was told by somebody, and does not stand for a group."""
    return check.name.count("/") > ROOT.count("/") + 1


def _as_known(check: Check, silent_s: float) -> Check:
    if silent_s <= STALE_S:
        return check
    return replace(check, level=Level.STALE, message=f"not told for more than {STALE_S:g} s; it was: {check.message}")


def _head(path: str, members: list[Check]) -> Check:
    level = rolled_up([member.level for member in members])
    return Check(path, level, SUMMARY[level], {title(member): member.message for member in members})
