"""Health checks of a policy that serves a fleet: duration of decisions, missing input, version and uncertainty.

N robots, F robots with a finite uncertainty.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet_common.health import Check, Level
from fleet_common.recent_window import RecentWindow

LATE_SHARE = 0.1
"""Share of decisions longer than a tick above which, in real time, the check is a warning."""
STUCK_S = 10.0
"""Time after which waiting for reachable robots is a warning, s."""


class PolicyHealth:
    """Checks the decisions of the last minute."""

    def __init__(self, tick_s: float, *, real_time: bool, unit: str) -> None:
        """Start without decisions.

        Args:
            tick_s: duration of a tick, s.
            real_time: whether a decision has to be made within a tick.
            unit: unit of the uncertainties.
        """
        self._tick_s = tick_s
        self._real_time = real_time
        self._unit = unit
        self._decisions_s = RecentWindow[float]()
        self._uncertainties_N: NDArray[np.float64] = np.empty(0)
        self._waits_since_s: float | None = None
        self._refusal = ""

    def input_received(self, now_s: float) -> None:
        """Record that an observation has arrived that a decision is due for."""
        if self._waits_since_s is None:
            self._waits_since_s = now_s

    def decided(self, seconds: float, uncertainties_N: NDArray[np.float64], now_s: float) -> None:
        """Record a decision, how long it took, and its uncertainties."""
        self._waits_since_s = None
        self._decisions_s.add(seconds, now_s)
        self._uncertainties_N = uncertainties_N

    def refused(self, version: int, reason: str) -> None:
        """Record that a version cannot be served."""
        self._refusal = f"version {version} is not served: {reason}"

    def served(self) -> None:
        """Record that a new version is served."""
        self._refusal = ""

    def checks(self, now_s: float, *, version: int, due: int, missing: tuple[str, ...]) -> list[Check]:
        """Return the checks.

        Args:
            now_s: steady time, s.
            version: the version that is served.
            due: the version that is scheduled for this tick.
            missing: robots whose observations have not arrived yet.
        """
        return [
            self._decisions(now_s),
            self._input(now_s, missing, due if due > version else 0),
            self._versions(version, due),
            self._uncertainty(),
        ]

    def _decisions(self, now_s: float) -> Check:
        took_s = np.array(self._decisions_s.values(now_s))
        if not len(took_s):
            return Check("decisions", Level.OK, "none in the last minute")
        late = float((took_s > self._tick_s).mean())
        values = {
            "decisions": len(took_s),
            "last (s)": float(took_s[-1]),
            "mean (s)": float(took_s.mean()),
            "99th percentile (s)": float(np.percentile(took_s, 99)),
            "tick (s)": self._tick_s,
            "longer than a tick (%)": 100 * late,
        }
        if self._real_time and late > LATE_SHARE:
            message = f"{late:.0%} took longer than a tick, during which the robots hold"
            return Check("decisions", Level.WARN, message, values)
        return Check("decisions", Level.OK, f"{took_s.mean():.2g} s each", values)

    def _input(self, now_s: float, missing: tuple[str, ...], awaited: int) -> Check:
        """Return the check of what a decision is waiting for; `awaited` is the version that has not arrived yet, or 0."""
        if self._waits_since_s is None:
            return Check("input", Level.OK, "all received observations have been decided on")
        waits_s = now_s - self._waits_since_s
        missing_input = ", ".join(missing) or f"version {awaited}"
        stuck = bool(missing) and waits_s > STUCK_S
        message = f"waiting for {missing_input}"
        return Check("input", Level.WARN if stuck else Level.OK, message, {"waiting (s)": waits_s})

    def _versions(self, version: int, due: int) -> Check:
        level = Level.ERROR if self._refusal else Level.OK
        values = {"served": version, "due": due}
        return Check("version", level, self._refusal or f"version {version} is served", values)

    def _uncertainty(self) -> Check:
        uncertainties_N = self._uncertainties_N
        finite_F = uncertainties_N[np.isfinite(uncertainties_N)]
        values: dict[str, str | float] = {"robots": len(uncertainties_N)}
        if len(finite_F):
            values |= {
                f"least ({self._unit})": float(finite_F.min()),
                f"median ({self._unit})": float(np.median(finite_F)),
                f"greatest ({self._unit})": float(finite_F.max()),
            }
        if len(finite_F) < len(uncertainties_N):
            message = f"{len(uncertainties_N) - len(finite_F)} of {len(uncertainties_N)} are not finite: the allocator ignores them"
            return Check("uncertainty", Level.WARN, message, values)
        return Check("uncertainty", Level.OK, "of the robots in the last decision", values)
