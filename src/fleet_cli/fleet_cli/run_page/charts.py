"""Draws the curves and maps of a run as images inside the page.

N robots, T ticks, B bins of ticks.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fleet_cli.run_page.run_history import RunHistory
from fleet_common.palette import DRIVER_COLOURS, as_hex
from fleet_contract.driving import Driver
from fleet_views.run_figure import MAX_ROBOT_LABELS, draw_uncertainty

LEFT, RIGHT = 0.09, 0.99
"""Edges of the plots, as shares of the width; the timelines have the same."""
MAX_BINS = 2000
"""Number of points along the ticks to which long runs are reduced."""
BLUE, GREEN, GREY = "#2166ac", "#1b7837", "#636363"
STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
}


def uncertainty_chart(run: RunHistory) -> str:
    """Return a chart of the uncertainty against the threshold: of every robot above, of the fleet below."""
    names, bin_ticks = run.recording.metadata.robots, bin_ticks_of(run)
    uncertainties_BN = _binned(run.uncertainties_TN, bin_ticks, np.fmax.reduce)
    thresholds_B = _binned(run.thresholds_T[:, None], bin_ticks, np.min)[:, 0]
    rows = min(max(len(names) * 0.22, 0.9), 5.0)
    figure, (above, below) = _figure(run, heights=(rows, 1.7), top=0.45)
    extent = (-0.5, run.ticks - 0.5, len(names) - 0.5, -0.5)
    image = draw_uncertainty(above, uncertainties_BN, thresholds_B[:, None], extent)
    above.spines[:].set_visible(False)
    step = 1 + len(names) // MAX_ROBOT_LABELS
    above.set_yticks(np.arange(0, len(names), step), names[::step])
    bar = above.inset_axes((0.75, 1.0 + 0.1 / rows, 0.25, 0.09 / rows))
    figure.colorbar(image, cax=bar, orientation="horizontal", extend="max", ticks=(0, 1, 2))
    bar.xaxis.set_ticks_position("top")
    bar.text(-0.03, 0.5, "uncertainty / threshold", transform=bar.transAxes, ha="right", va="center", fontsize=9)

    ticks_B = np.arange(len(uncertainties_BN)) * bin_ticks
    highest_B = np.fmax.reduce(uncertainties_BN, axis=1)
    median_B = np.nanmedian(np.where(np.isnan(highest_B)[:, None], 0, uncertainties_BN), axis=1)
    below.plot(ticks_B, highest_B, color=BLUE, linewidth=1, label="most uncertain robot")
    below.plot(
        ticks_B, np.where(np.isnan(highest_B), np.nan, median_B), color=GREY, linewidth=1.5, label="median robot"
    )
    finite_B = np.where(np.isfinite(thresholds_B), thresholds_B, np.nan)
    below.step(ticks_B, finite_B, where="post", color="black", linestyle="--", linewidth=1.2, label="threshold")
    below.set_ylabel(run.history.unit)
    below.set_ylim(*_range(highest_B, median_B, finite_B))
    _legend(below)
    return _drawn(figure)


def progress_chart(run: RunHistory) -> str:
    """Return a chart of the return on human effort above, and of successes and hard resets below, up to each tick."""
    bin_ticks = bin_ticks_of(run)
    figure, (above, below) = _figure(run, heights=(1.7, 1.7), top=0.1)
    ticks_B = np.arange(run.ticks)[::-1][::bin_ticks][::-1]
    above.plot(ticks_B, run.rohe_T[ticks_B], color=BLUE, linewidth=1.5)
    above.set_ylim(bottom=min(0.0, float(run.rohe_T.min(initial=0))))
    above.set_ylabel("ROHE")
    below.step(ticks_B, run.successes_T[ticks_B], where="post", color=GREEN, linewidth=1.5, label="successes")
    resets: dict[str, Any] = {
        "color": as_hex(DRIVER_COLOURS[Driver.RESET]),
        "linestyle": "--",
        "linewidth": 1.5,
        "label": "hard resets",
    }
    below.step(ticks_B, run.hard_resets_T[ticks_B], where="post", **resets)
    below.set_ylabel("total")
    below.set_ylim(bottom=0)
    _legend(below)
    return _drawn(figure)


def bin_ticks_of(run: RunHistory) -> int:
    """Return the number of ticks that are drawn as one."""
    return max(1, -(-run.ticks // MAX_BINS))


def _binned(rows_TX: NDArray[Any], bin_ticks: int, reduce: Callable[..., NDArray[Any]]) -> NDArray[Any]:
    starts = range(0, len(rows_TX), bin_ticks)
    return np.array([reduce(rows_TX[start : start + bin_ticks], axis=0) for start in starts])


def _range(*curves: NDArray[np.float64]) -> tuple[float, float]:
    """Return limits of the vertical axis that leave out a few outliers, so that the rest can be seen."""
    values = np.concatenate(curves)
    values = values[np.isfinite(values)]
    return min(0.0, float(values.min(initial=0.0))), 1.05 * float(np.percentile(values, 98))


def _figure(run: RunHistory, *, heights: tuple[float, float], top: float) -> tuple[Figure, tuple[Axes, Axes]]:
    gap, bottom = 0.35, 0.45
    height = top + sum(heights) + gap + bottom
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, height))
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=heights)
        figure.subplots_adjust(LEFT, bottom / height, RIGHT, 1 - top / height, hspace=2 * gap / sum(heights))
        below.set_xlabel("tick")
        below.set_xlim(-0.5, run.ticks - 0.5)
        for version, tick in run.updates.items():
            for axes in (above, below):
                axes.axvline(tick - 0.5, color="black", linewidth=0.8, linestyle=":")
            below.annotate(
                f"v{version}",
                (tick - 0.5, 1),
                (3, -9),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                fontsize=9,
            )
    return figure, (above, below)


def _legend(axes: Axes) -> None:
    axes.legend(loc="lower right", bbox_to_anchor=(1, 0.97), ncols=3, frameon=False, fontsize=9)


def _drawn(figure: Figure) -> str:
    """Return the figure as a data URI."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue()).decode()}"
