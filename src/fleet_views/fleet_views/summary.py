"""Writes the report of a run: summary.json and a picture.

N robots, T ticks.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from numpy.typing import NDArray

from fleet_common.palette import DRIVER_COLOURS, as_hex
from fleet_contract.driving import Driver
from fleet_contract.lease import LeaseKind
from fleet_contract.signal import with_unit
from fleet_views.history import History

LABELS = {
    Driver.NOBODY: "nobody (holding)",
    Driver.POLICY: "policy",
    Driver.HUMAN: "human",
    Driver.RESET: "human, hard reset",
}
MAX_ROBOT_LABELS = 25
"""Number of robots that are named on an axis."""


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


def write_report(folder: Path, history: History, summary: dict[str, Any]) -> None:
    """Write summary.json and run.png."""
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    if history.ticks:
        _draw(history).savefig(folder / "run.png", dpi=110)


def draw_uncertainty(
    axes: Axes,
    uncertainties_TN: NDArray[np.float32],
    threshold: float | NDArray[np.float64],
    extent: tuple[float, float, float, float],
) -> AxesImage:
    """Draw the uncertainty about every robot: white at the threshold, red above it.

    Args:
        axes: Axes to draw on.
        uncertainties_TN: Uncertainties.
        threshold: Threshold in their unit; one number or (T, 1).
        extent: Ticks (left, right) and robots (bottom, top) at the edges of the picture.
    """
    return axes.imshow(
        (uncertainties_TN / np.maximum(threshold, 1e-9)).T,
        aspect="auto",
        interpolation="none",
        extent=extent,
        cmap=mpl.colormaps["RdBu_r"],
        vmin=0,
        vmax=2,
    )


def _draw(history: History) -> Figure:
    """Draw the uncertainty about every robot above, and who drove it below."""
    names = history.fleet.robot_names
    drivers_TN, uncertainties_TN = history.drivers_TN(), history.uncertainties_TN()
    threshold = history.threshold
    figure = Figure(figsize=(12, 3.2 + 0.28 * min(len(names), 40)), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    extent = (-0.5, len(drivers_TN) - 0.5, len(names) - 0.5, -0.5)
    image = draw_uncertainty(above, uncertainties_TN, threshold, extent)
    figure.colorbar(image, ax=above, label="uncertainty / threshold", extend="max")
    above.set_title(f"Uncertainty (threshold {with_unit(f'{threshold:.3g}', history.unit)})", loc="left")
    below.imshow(
        drivers_TN.T,
        aspect="auto",
        interpolation="nearest",
        extent=extent,
        cmap=ListedColormap([as_hex(DRIVER_COLOURS[driver]) for driver in Driver]),
        vmin=-0.5,
        vmax=len(Driver) - 0.5,
    )
    below.set_title("Who drove", loc="left")
    below.set_xlabel("tick")
    below.legend(
        handles=[Patch(color=as_hex(DRIVER_COLOURS[driver]), label=LABELS[driver]) for driver in Driver],
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=len(Driver),
        frameon=False,
    )
    step = 1 + len(names) // MAX_ROBOT_LABELS
    for axes in (above, below):
        axes.set_yticks(np.arange(0, len(names), step), names[::step])
    for update in history.fleet.training.update_ticks:
        if update < len(drivers_TN):
            for axes in (above, below):
                axes.axvline(update - 0.5, color="black", linewidth=0.8, linestyle=":")
    return figure
