"""How a policy that serves a fleet is: how long it takes, what it waits for, which version it is, and how unsure.

N robots, F those of them whose uncertainty is a finite number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet_common.health import Check, Level
from fleet_common.recent_window import RecentWindow

LATE_SHARE = 0.1
"""Of the decisions: in real time, so many that take longer than a tick are told of."""
STUCK_S = 10.0
"""Who waits so long for robots that are there says so."""


class PolicyHealth:
    """Hears of every decision of the last minute."""

    def __init__(self, tick_s: float, *, real_time: bool, unit: str) -> None:
        """`unit` is that of the uncertainties."""
        self._tick_s = tick_s
        self._real_time = real_time
        self._unit = unit
        self._decisions_s = RecentWindow[float]()
        self._uncertainties_N: NDArray[np.float64] = np.empty(0)
        self._waits_since_s: float | None = None
        self._refusal = ""

    def began(self, now_s: float) -> None:
        """Something has come that is to be decided."""
        if self._waits_since_s is None:
            self._waits_since_s = now_s

    def decided(self, seconds: float, uncertainties_N: NDArray[np.float64], now_s: float) -> None:
        """It is decided, which took so long."""
        self._waits_since_s = None
        self._decisions_s.add(seconds, now_s)
        self._uncertainties_N = uncertainties_N

    def refused(self, version: int, why: str) -> None:
        """A version cannot be served."""
        self._refusal = f"version {version} is not served: {why}"

    def served(self) -> None:
        """A new version serves."""
        self._refusal = ""

    def checks(self, now_s: float, *, version: int, due: int, missing: tuple[str, ...]) -> list[Check]:
        """As operators are told.

        Args:
            now_s: seconds that never go back.
            version: the one that serves.
            due: the one that the schedule wants at this tick.
            missing: robots whose observations are still to come.
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
            message = f"{late:.0%} took longer than a tick: the robots hold meanwhile"
            return Check("decisions", Level.WARN, message, values)
        return Check("decisions", Level.OK, f"{took_s.mean():.2g} s each", values)

    def _input(self, now_s: float, missing: tuple[str, ...], awaited: int) -> Check:
        """What is missing for a decision; `awaited` is the version that has yet to come, or 0."""
        if self._waits_since_s is None:
            return Check("input", Level.OK, "everything that has come is decided")
        waits_s = now_s - self._waits_since_s
        for_whom = ", ".join(missing) or f"version {awaited}"
        stuck = bool(missing) and waits_s > STUCK_S
        message = f"waits for {for_whom}"
        return Check("input", Level.WARN if stuck else Level.OK, message, {"waits (s)": waits_s})

    def _versions(self, version: int, due: int) -> Check:
        level = Level.ERROR if self._refusal else Level.OK
        values = {"serves": version, "due": due}
        return Check("version", level, self._refusal or f"version {version} serves", values)

    def _uncertainty(self) -> Check:
        unsure_N = self._uncertainties_N
        finite_F = unsure_N[np.isfinite(unsure_N)]
        values: dict[str, str | float] = {"robots": len(unsure_N)}
        if len(finite_F):
            values |= {
                f"least ({self._unit})": float(finite_F.min()),
                f"median ({self._unit})": float(np.median(finite_F)),
                f"greatest ({self._unit})": float(finite_F.max()),
            }
        if len(finite_F) < len(unsure_N):
            message = f"{len(unsure_N) - len(finite_F)} of {len(unsure_N)} are not finite: nobody is sent by them"
            return Check("uncertainty", Level.WARN, message, values)
        return Check("uncertainty", Level.OK, "of the robots that were decided for last", values)
