"""Renders the live terminal view: who drives each robot, the policy's uncertainty, and the robot of each human."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fleet_common.health import Check, Level
from fleet_common.palette import DRIVER_COLOURS, as_hex, uncertainty_colour
from fleet_contract.driving import Driver
from fleet_contract.lease import LeaseKind
from fleet_contract.signal import with_unit
from fleet_views.aggregation import title
from fleet_views.history import History, TickRecord

LEVEL_STYLES = {Level.WARN: "yellow", Level.ERROR: "bold red", Level.STALE: "bold red"}
MOST_ROWS = 40
MOST_TROUBLES = 10


def view(
    history: History, troubles: Sequence[Check], *, ticks: int, rate_hz: float, training: str = ""
) -> RenderableType:
    """Return the fleet as it is now, and one line for each check that is not OK.

    Args:
        history: the run so far.
        troubles: checks that are not OK.
        ticks: number of ticks after which the run ends; 0 if it runs until it is stopped.
        rate_hz: ticks per second.
        training: progress of the training that is running, from `training_of`.
    """
    return Group(
        _headline(history, ticks=ticks, rate_hz=rate_hz, training=training),
        *map(_trouble, troubles[:MOST_TROUBLES]),
        *([Text(f"and {len(troubles) - MOST_TROUBLES} more")] if len(troubles) > MOST_TROUBLES else []),
        _robots(history),
        _humans(history),
    )


def training_of(checks: Iterable[Check]) -> str:
    """Return the progress of the training that is running, from the trainer's check; empty if there is none."""
    return next(
        (check.message for check in checks if check.name.endswith("trainer: training") and "step" in check.values), ""
    )


def line(history: History, *, ticks: int, rate_hz: float, training: str = "") -> str:
    """Return the fleet as it is now in one line."""
    record = history.at(history.tick - 1)
    drivers = [record.driver(robot) for robot in history.fleet.robot_names]
    counts = ", ".join(f"{drivers.count(driver)} {driver.name.lower()}" for driver in Driver if driver in drivers)
    return (
        f"tick {history.ticks}{f' of {ticks}' if ticks else ''}  {rate_hz:.1f}/s  policy v{_version(history)}  "
        f"drivers: {counts or 'none yet'}  successes {history.completed}  "
        f"hard resets {sum(history.hard_resets.values())}  human actions {history.human_actions}"
        f"{f'  training {training}' if training else ''}"
    )


def _version(history: History) -> int:
    return history.versions[-1] if history.versions else 1


def _headline(history: History, *, ticks: int, rate_hz: float, training: str) -> Text:
    total = f" of {ticks}" if ticks else ""
    return Text.assemble(
        (history.fleet.fleet, "bold"),
        f"   tick {history.ticks}{total}   {rate_hz:.1f} ticks/s   policy version {_version(history)}"
        f"   return on human effort {history.rohe:.3f}",
        (f"   training {training}" if training else "", "bold yellow"),
    )


def _trouble(check: Check) -> Text:
    text = " ".join(f"{title(check)}: {check.message}".split())
    return Text.assemble(
        (f"{check.level.name:<5}", LEVEL_STYLES[check.level]), f"  {text}", no_wrap=True, overflow="ellipsis"
    )


def _newest(history: History) -> TickRecord:
    """Return the newest tick of which actions have arrived."""
    newest = history.at(history.tick)
    return newest if newest.actions else history.at(history.tick - 1)


def _robots(history: History) -> Table:
    threshold = history.threshold
    record = _newest(history)
    table = Table(title=f"threshold {with_unit(f'{threshold:.3g}', history.unit)}", title_justify="left", expand=False)
    table.add_column("robot")
    table.add_column("driver")
    table.add_column("uncertainty", justify="right")
    table.add_column("")
    table.add_column("successes", justify="right")
    table.add_column("hard resets", justify="right")
    names = history.fleet.robot_names
    for robot in names[:MOST_ROWS]:
        driver = record.driver(robot)
        action = record.actions.get(robot)
        unsure = record.uncertainties.get(robot)
        who = action.supervisor if action and action.supervisor else driver.name.lower()
        if driver is Driver.RESET:
            who += " (reset)"
        if driver is Driver.NOBODY and action and action.reason:
            who += f" ({action.reason})"
        table.add_row(
            robot,
            Text(who, as_hex(DRIVER_COLOURS[driver])),
            "" if unsure is None else Text(f"{unsure:.3f}", "bold" if unsure > threshold else ""),
            "" if unsure is None else _bar(unsure, threshold),
            str(history.successes.get(robot, 0)),
            str(history.hard_resets.get(robot, 0)),
        )
    if len(names) > MOST_ROWS:
        table.caption = f"and {len(names) - MOST_ROWS} more"
    return table


def _bar(uncertainty: float, threshold: float) -> Text:
    """Return a bar of the uncertainty, whose middle is the threshold."""
    filled = max(0, min(16, round(uncertainty / max(threshold, 1e-9) * 8)))
    return Text("█" * filled + "·" * (16 - filled), as_hex(uncertainty_colour(uncertainty, threshold)))


def _humans(history: History) -> Table:
    held = {lease.supervisor: lease for lease in _newest(history).leases}
    effort = history.effort
    table = Table(title=f"waiting for a human: {', '.join(history.waiting) or 'none'}", title_justify="left")
    table.add_column("human")
    table.add_column("with")
    table.add_column("ticks of work", justify="right")
    for name in history.fleet.supervisor_names[:MOST_ROWS]:
        lease = held.get(name)
        where = "idle"
        if lease:
            where = lease.robot + (" (reset)" if lease.kind is LeaseKind.HARD_RESET else "")
        table.add_row(name, where, str(effort[name].total()))
    return table
