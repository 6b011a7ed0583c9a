"""How supervisors are: whom they are busy with, and whether people see what they do."""

from __future__ import annotations

from fleet_common.health import Check, Level
from teleop_gui.operator import Operator, OperatorPhase

UNSEEN_S = 1.0
"""A person who has seen nothing new of their robot for so long is told of."""


def station_check(human: str, robot: str, ticks: int) -> Check:
    """Of a script, which sees what it wants; `ticks` are those on which it has acted on the robot."""
    return Check("station", Level.OK, f"with {robot}" if robot else "idle", {"ticks": ticks}, human)


def empty_check(human: str) -> Check:
    """Of a person who has not opened the page."""
    return Check("station", Level.OK, "not on the page", hardware_id=human)


def operator_check(operator: Operator) -> Check:
    """Of a person who is here."""
    sight, unseen_s = operator.sight(), operator.unseen_s
    values: dict[str, str | float] = {"robot": sight.robot or "none", "ticks": sight.ticks}
    values["without a new picture (s)"] = unseen_s
    level, message = Level.OK, f"{sight.robot}: {sight.phase.value}" if sight.robot else sight.phase.value
    if sight.phase is OperatorPhase.UNCONFIRMED:
        level = Level.ERROR
    elif unseen_s > UNSEEN_S:
        level, message = Level.WARN, f"no new picture of {sight.robot} for {UNSEEN_S:g} s or longer"
    return Check("station", level, message, values, operator.human)
