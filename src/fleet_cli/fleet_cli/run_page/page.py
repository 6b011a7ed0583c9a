"""A recorded run as one page for browsers, which needs nothing but itself."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from fleet_bags.interventions import interventions
from fleet_bags.recording import read_recording
from fleet_cli.run_page.charts import bin_ticks_of, progress_chart, uncertainty_chart
from fleet_cli.run_page.course import RunHistory, course_of
from fleet_cli.run_page.film import MOST_FRAMES, MOST_WAYS, strips
from fleet_cli.run_page.tables import humans, robots, settings, versions
from fleet_cli.run_page.timeline import humans_timeline, reasons, robots_timeline, said_ticks
from fleet_cli.runner.summary import LABELS, summarise
from fleet_common.palette import DRIVER_COLOURS, as_hex
from fleet_contract.driving import Driver
from fleet_contract.validation import InputError

FILE = "report.html"
MOST_REASONS = 10


def report_on(path: Path, out: Path | None) -> Path:
    """Write the page of the run at `path`, a bag's folder or a run's, and say where it is: beside the bag, if not `out`.

    Raises:
        BadInput: there is no such run, or the page cannot be written; what was there before is still there.
    """
    course = course_of(read_recording(path))
    file = out or course.recording.bag.absolute().parent / FILE
    partial = file.with_name(f"{file.name}.partial")
    text = page(course)
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}.") from None
    finally:
        partial.unlink(missing_ok=True)
    return file


def page(course: RunHistory) -> str:
    """The page.

    Raises:
        BadInput: an image is none, or the robots made no step.
    """
    recording = course.recording
    if not course.ticks:
        raise InputError(f"{recording.bag}: found no step of the robots, allowed is at least one.")
    summary = summarise(course.history, seed=recording.metadata.seed, bag=recording.bag, wall_s=course.wall_s)
    found = interventions(recording)
    why = reasons(course)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "duration": duration}
    environment.globals |= {"said_ticks": said_ticks}
    return environment.get_template(FILE).render(
        css=(Path(__file__).parent / "report.css").read_text(encoding="utf-8"),
        summary=summary,
        contract=recording.metadata.contract,
        fleet=recording.metadata.fleet,
        began=_began(course),
        ticks=course.ticks,
        updates=course.updates,
        legend=[(as_hex(DRIVER_COLOURS[driver]), LABELS[driver]) for driver in Driver],
        usual=as_hex(DRIVER_COLOURS[Driver.POLICY]),
        robots_timeline=robots_timeline(course),
        humans_timeline=humans_timeline(course),
        reasons=why.most_common(MOST_REASONS),
        other_reasons=sum(why.values()) - sum(count for _, count in why.most_common(MOST_REASONS)),
        uncertainty=uncertainty_chart(course) if np.isfinite(course.uncertainties_TN).any() else "",
        progress=progress_chart(course),
        bin_ticks=bin_ticks_of(course),
        missing=_missing(course),
        humans=humans(course, found),
        robots=robots(course, found, summary),
        versions=versions(course),
        strips=strips(recording, found),
        interventions=len(found),
        most_frames=MOST_FRAMES,
        most_ways=MOST_WAYS,
        settings=settings(course),
    )


def number(value: float, digits: int = 3) -> str:
    """To so many significant digits, never as a power of ten."""
    if not math.isfinite(value):
        return "none"
    if not value:
        return "0"
    return f"{value:.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"


def duration(seconds: float) -> str:
    """In words."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.3g} s"


def _began(course: RunHistory) -> datetime:
    stamps = [status.stamp[0] for statuses in course.recording.statuses_N for status in statuses.values()]
    return datetime.fromtimestamp(min(stamps), UTC)


def _missing(course: RunHistory) -> list[str]:
    """What was not recorded, or was not said in time."""
    recording, total = course.recording, course.ticks * len(course.recording.metadata.robots)
    ticks = range(course.ticks)
    counts: list[tuple[int, int, str]] = [
        (sum(tick not in recording.leases for tick in ticks), course.ticks, "ticks without a lease table"),
        (sum(tick not in recording.reports for tick in ticks), course.ticks, "ticks without a report of the policy"),
        (
            total - sum(t in rows for rows in recording.released_N for t in ticks),
            total,
            "steps of robots without an action",
        ),
    ]
    return [f"{count} of {of} {what}" for count, of, what in counts if count]
