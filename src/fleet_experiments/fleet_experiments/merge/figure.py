"""Draws the merging experiment: success in closed loop by method, for sites that merge once and again and again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fleet_experiments.merge.methods import METHODS
from fleet_experiments.results import Row, groups

UNMERGED = {"joint": "--", "single": ":"}
"""Line styles of what is not merged."""
COLOURS = {name: f"C{number}" for number, name in enumerate([*UNMERGED, *METHODS])}


def draw_sites(rows: Iterable[Row], path: Path) -> None:
    """Draw success, means and standard deviations over seeds, by kind of network and by how often the sites merge.

    Nothing is drawn if no row is of sites with different tasks.
    """
    chosen = [row for row in rows if ", Dirichlet " in str(row["condition"])]
    panels = groups([row | _where(str(row["condition"])) for row in chosen], ["panel"])
    if not panels:
        return
    figure = Figure(figsize=(4.2 * len(panels), 4.2), layout="constrained")
    all_axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axes, ((panel,), own) in zip(all_axes, panels, strict=True):
        _draw(axes, own)
        once = "Dirichlet" in str(own[0]["axis"])
        axes.set(title=panel, xlabel=own[0]["axis"], xscale="log" if once else "linear")
    all_axes[0].set(ylabel="success in closed loop", ylim=(0, 1))
    handles = {label: line for axes in all_axes for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(path, dpi=120)


def _where(condition: str) -> Row:
    """Return the panel of a row, and its place on the horizontal axis."""
    kind, often, split = condition.split(", ")
    if often == "once":
        return {"panel": f"{kind}, merged once", "axis": "Dirichlet concentration", "at": float(split.split()[1])}
    return {"panel": f"{kind}, merged in rounds", "axis": "epochs between merges", "at": float(often.split()[1])}


def _draw(axes: Axes, rows: list[Row]) -> None:
    for (method,), own in groups(rows, ["algo"]):
        places = sorted(groups(own, ["at"]), key=lambda place: float(str(place[0][0])))
        at = [float(str(place)) for (place,), _ in places]
        values = [[float(row["success"] or 0.0) for row in same] for _, same in places]
        axes.errorbar(
            at,
            [np.mean(same) for same in values],
            [np.std(same) for same in values],
            fmt="o" + UNMERGED.get(str(method), "-"),
            color=COLOURS[str(method)],
            capsize=3,
            label=str(method),
        )
