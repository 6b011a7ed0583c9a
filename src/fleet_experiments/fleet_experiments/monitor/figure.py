"""Draws the monitor experiment: promised and seen false alarms, and imagined futures beside what happened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from fleet_experiments.results import Row, groups
from fleet_monitor.foresight import ForeseenEpisode
from fleet_monitor.monitor import FIREWORK, Monitor

SHOWN_FUTURES = 3
"""Imagined futures in a film."""


def draw_false_alarms(rows: Iterable[Row], path: Path) -> None:
    """Draw the shares of false alarms that thresholds promise, and those that were seen, means over seeds."""
    promised = [row for row in rows if "promised" in row]
    figure = Figure(figsize=(8, 4), layout="constrained")
    for axes, rule in zip(figure.subplots(1, 2), ("conformal, episodes", "percentile, frames"), strict=True):
        for detector in FIREWORK:
            own = [row for row in promised if (row["detector"], row["rule"]) == (detector, rule)]
            points = [(rate, np.mean([row["seen"] for row in same])) for (rate,), same in groups(own, ["promised"])]
            if points:
                axes.plot(*zip(*points, strict=True), "o-", label=detector)
        axes.axline((0, 0), slope=1, color="0.7", linestyle="--")
        axes.set(title=rule, xlabel="promised share of false alarms", ylabel="seen share")
        axes.legend(frameon=False)
    figure.savefig(path, dpi=120)


def draw_rounds(rows: Iterable[Row], path: Path) -> None:
    """Draw each monitor's success with its humans over how much they drove, round by round, means over seeds.

    Nothing is drawn without rounds.
    """
    rounds = [row for row in rows if "combined" in row]
    if not rounds:
        return
    figure = Figure(figsize=(6.5, 4.2), layout="constrained")
    axes = figure.subplots()
    for (monitor,), own in groups(rounds, ["algo"]):
        points = [
            tuple(float(np.mean([float(row[key] or 0.0) for row in same])) for key in ("human_share", "combined"))
            for _, same in sorted(groups(own, ["condition"]), key=lambda group: str(group[0]))
        ]
        (line,) = axes.plot(*zip(*points, strict=True), "-", label=str(monitor))
        circle = {"boxstyle": "circle", "facecolor": line.get_color(), "edgecolor": "none"}
        for number, (share, success) in enumerate(points, 1):
            axes.annotate(
                str(number), (share, success), color="white", fontsize=7, ha="center", va="center", bbox=circle
            )
    axes.set(
        xlabel="share of frames at which a human drove", ylabel="success with humans", ylim=(0, 1), xlim=(-0.02, None)
    )
    axes.legend(frameon=False, title="monitor; numbers are rounds")
    figure.savefig(path, dpi=120)


def draw_film(monitor: Monitor, foreseen: Sequence[ForeseenEpisode], path: Path) -> None:
    """Draw the first alarm of the first failure that was foreseen: what happened next, and what was imagined."""
    for one in foreseen:
        if one.episode.events.end != "failure":
            continue
        relative = [monitor.relative(own, one) for own in monitor.only(FIREWORK).detectors]
        largest_F = np.fmax.reduce(relative)
        if not (largest_F > 1).any():
            continue
        frame, offset = int(np.argmax(largest_F > 1)), len(largest_F) - len(one.foresight.tasks)
        futures_NLW = one.foresight.futures_BNLW[frame - offset, :SHOWN_FUTURES]
        imagined = monitor.model.decode(futures_NLW)
        real = one.episode.observations_F[frame + 1 : frame + 1 + imagined.shape[1]]
        figure = Figure(figsize=(imagined.shape[1], len(imagined) + 1.4), layout="constrained")
        all_axes = figure.subplots(len(imagined) + 1, imagined.shape[1])
        for row, frames in zip(all_axes, [real, *imagined], strict=True):
            for axes in row:
                axes.axis("off")
            for axes, image in zip(row, frames, strict=False):
                axes.imshow(image)
        left = len(largest_F) - frame
        figure.suptitle(
            f"{one.episode.task}: alarm {left} ticks before the failure; above what happened, below imagined",
            fontsize=9,
        )
        figure.savefig(path, dpi=110)
        return
