"""Diagnostics of stations: which robot a supervisor has, and whether operators see what they do."""

from __future__ import annotations

from fleet_common.health import Check, Level
from teleop_gui.operator import Operator, OperatorPhase

STALE_VIDEO_S = 1.0
"""Seconds without a new picture after which an operator's check warns."""


def station_check(human: str, robot: str, ticks: int) -> Check:
    """Return the check of a scripted supervisor; `ticks` is the number of ticks at which it has acted on the robot."""
    return Check("station", Level.OK, f"with {robot}" if robot else "idle", {"ticks": ticks}, human)


def offline_check(human: str) -> Check:
    """Return the check of an operator who has not joined on the web page."""
    return Check("station", Level.OK, "not on the page", hardware_id=human)


def operator_check(operator: Operator) -> Check:
    """Return the check of an operator who has joined."""
    view, age_s = operator.view(), operator.picture_age_s
    values: dict[str, str | float] = {"robot": view.robot or "none", "ticks": view.ticks}
    values["without a new picture (s)"] = age_s
    level, message = Level.OK, f"{view.robot}: {view.phase.value}" if view.robot else view.phase.value
    if view.phase is OperatorPhase.UNCONFIRMED:
        level = Level.ERROR
    elif age_s > STALE_VIDEO_S:
        level, message = Level.WARN, f"no new picture of {view.robot} for {STALE_VIDEO_S:g} s or longer"
    return Check("station", level, message, values, operator.human)
