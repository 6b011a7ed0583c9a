"""Sums a run up: the content of summary.json."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from fleet_contract.driving import Driver
from fleet_contract.lease import LeaseKind
from fleet_views.history import History


def summarise(history: History, *, seed: int, bag: Path | None, wall_s: float) -> dict[str, Any]:
    """Return the content of summary.json; the README explains the numbers."""
    fleet = history.fleet
    drivers_TN = history.drivers_TN()
    return {
        "fleet": fleet.fleet,
        "mode": fleet.tick.mode,
        "seed": seed,
        "robots": fleet.robots.count,
        "supervisors": fleet.supervisors.count,
        "ticks": history.ticks,
        "successes": history.completed,
        "hard_resets": sum(history.hard_resets.values()),
        "human_actions": history.human_actions,
        "rohe": history.rohe,
        "dismissed_alarms": history.dismissed_alarms,
        "threshold": history.threshold if math.isfinite(history.threshold) else None,
        "policy_versions": history.versions,
        "bag": str(bag) if bag else None,
        "wall_s": round(wall_s, 3),
        "tick_rate_hz": round(history.ticks / wall_s, 3) if wall_s > 0 else 0.0,
        "per_robot": {
            name: {
                "successes": history.successes.get(name, 0),
                "hard_resets": history.hard_resets.get(name, 0),
                **{f"{driver.name.lower()}_ticks": int((drivers_TN[:, i] == driver).sum()) for driver in Driver},
            }
            for i, name in enumerate(fleet.robot_names)
        },
        "per_supervisor": {
            name: {"teleoperate_ticks": effort[LeaseKind.TELEOPERATE], "hard_reset_ticks": effort[LeaseKind.HARD_RESET]}
            for name, effort in history.effort.items()
        },
    }
