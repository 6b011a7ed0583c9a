"""Draws a run: the uncertainty about every robot, and who drove it.

N robots, T ticks.
"""

from __future__ import annotations

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


def draw_run(history: History) -> Figure:
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
