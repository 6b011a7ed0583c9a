"""Renders a recorded run as one self-contained HTML page."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from fleet_bags.interventions import interventions
from fleet_bags.recording import read_recording
from fleet_cli.run_page.alarms import Outcome, alarms
from fleet_cli.run_page.charts import bin_ticks_of, progress_chart, uncertainty_chart
from fleet_cli.run_page.film import MAX_FRAMES, MAX_TRACES, evenly, strips
from fleet_cli.run_page.run_history import RunHistory, run_history
from fleet_cli.run_page.tables import humans, robots, settings, versions
from fleet_cli.run_page.timeline import humans_timeline, reasons, robots_timeline, tick_range
from fleet_common.palette import DRIVER_COLOURS, as_hex
from fleet_contract.driving import Driver
from fleet_contract.signal import with_unit
from fleet_contract.validation import InputError
from fleet_views.run_figure import LABELS
from fleet_views.summary import summarise

FILE = "report.html"
MAX_REASONS = 10
MAX_ALARMS = 60
"""Number of alarms that are shown."""


def report_on(path: Path, out: Path | None) -> Path:
    """Write the page of a recorded run, and return its file. An error leaves an earlier page as it was.

    Args:
        path: Folder of the run, or of its bag.
        out: File to write; by default report.html beside the bag.

    Raises:
        InputError: there is no such run, or the page cannot be written.
    """
    run = run_history(read_recording(path))
    file = out or run.recording.bag.absolute().parent / FILE
    partial = file.with_name(f"{file.name}.partial")
    text = page(run)
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}.") from None
    finally:
        partial.unlink(missing_ok=True)
    return file


def page(run: RunHistory) -> str:
    """Return the page as HTML.

    Raises:
        InputError: an image cannot be decoded, or the robots made no step.
    """
    recording = run.recording
    if not run.ticks:
        raise InputError(f"{recording.bag}: expected at least one step of the robots, got none.")
    summary = summarise(run.history, seed=recording.metadata.seed, bag=recording.bag, wall_s=run.wall_s)
    shown = interventions(recording)
    found = alarms(recording)
    why_nobody = reasons(run)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "duration": duration}
    environment.globals |= {"tick_range": tick_range}
    return environment.get_template(FILE).render(
        css=(Path(__file__).parent / "report.css").read_text(encoding="utf-8"),
        summary=summary,
        contract=recording.metadata.contract,
        fleet=recording.metadata.fleet,
        started=_started(run),
        unit=with_unit("", run.history.unit).strip(),
        suffix=lambda signal: with_unit("", recording.units.get(signal, "")),
        ticks=run.ticks,
        updates=run.updates,
        legend=[(as_hex(DRIVER_COLOURS[driver]), LABELS[driver]) for driver in Driver],
        usual=as_hex(DRIVER_COLOURS[Driver.POLICY]),
        robots_timeline=robots_timeline(run),
        humans_timeline=humans_timeline(run),
        reasons=why_nobody.most_common(MAX_REASONS),
        other_reasons=sum(why_nobody.values()) - sum(count for _, count in why_nobody.most_common(MAX_REASONS)),
        alarms=evenly(found, MAX_ALARMS),
        outcomes={outcome.value: sum(alarm.outcome is outcome for alarm in found) for outcome in Outcome},
        uncertainty=uncertainty_chart(run) if np.isfinite(run.uncertainties_TN).any() else "",
        progress=progress_chart(run),
        bin_ticks=bin_ticks_of(run),
        missing=_missing(run),
        humans=humans(run, shown),
        robots=robots(run, shown, summary),
        versions=versions(run),
        signal_versions=recording.signal_versions,
        strips=strips(recording, shown),
        interventions=len(shown),
        max_frames=MAX_FRAMES,
        max_traces=MAX_TRACES,
        settings=settings(run),
    )


def number(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits, and never as a power of ten."""
    if not math.isfinite(value):
        return "none"
    if not value:
        return "0"
    return f"{value:.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"


def duration(seconds: float) -> str:
    """Return a duration in words."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.3g} s"


def _started(run: RunHistory) -> datetime:
    stamps = [status.stamp[0] for statuses in run.recording.statuses_N for status in statuses.values()]
    return datetime.fromtimestamp(min(stamps), UTC)


def _missing(run: RunHistory) -> list[str]:
    """Return which messages were not recorded, or not published in time."""
    recording, total = run.recording, run.ticks * len(run.recording.metadata.robots)
    ticks = range(run.ticks)
    counts: list[tuple[int, int, str]] = [
        (sum(tick not in recording.leases for tick in ticks), run.ticks, "ticks without a lease table"),
        (sum(tick not in recording.reports for tick in ticks), run.ticks, "ticks without a policy report"),
        (
            total - sum(tick in rows for rows in recording.released_N for tick in ticks),
            total,
            "robot steps without an action",
        ),
    ]
    return [f"{count} of {of} {kind}" for count, of, kind in counts if count]
