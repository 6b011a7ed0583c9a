"""Counts how often and how long each diagnostic check of a run was not OK."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from fleet_common.health import Check, Level
from fleet_views.aggregation import is_item, title


class Incidents:
    """Accumulates the aggregated diagnostics of a run."""

    def __init__(self) -> None:
        self.troubles: tuple[Check, ...] = ()
        """Checks that are not OK now, worst first."""
        self._levels: dict[str, Level] = {}
        self._times: dict[str, Counter[Level]] = {}
        self._bad_s: dict[str, float] = defaultdict(float)
        self._updated_s = 0.0

    def update(self, checks: Iterable[Check], now_s: float) -> None:
        """Add the present state of all checks; `now_s` never decreases."""
        for name, level in self._levels.items():
            self._bad_s[name] += (now_s - self._updated_s) * (level is not Level.OK)
        items = {title(check): check for check in checks if is_item(check)}
        for name, item in items.items():
            begins = item.level is not self._levels.get(name, Level.OK)
            self._times.setdefault(name, Counter())[item.level] += begins
        self._levels = {name: item.level for name, item in items.items()}
        self._updated_s = now_s
        troubles = [item for item in items.values() if item.level is not Level.OK]
        self.troubles = tuple(sorted(troubles, key=lambda item: (-item.level, item.name)))

    def summary(self) -> dict[str, dict[str, Any]]:
        """Return how often each check reached each level, and how long it was not OK, s."""
        levels = (Level.WARN, Level.ERROR, Level.STALE)
        return {
            name: {level.name.lower(): times[level] for level in levels} | {"not_ok_s": round(self._bad_s[name], 1)}
            for name, times in sorted(self._times.items())
        }
