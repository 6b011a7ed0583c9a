"""Draws Figure 1 of IIFL: trajectories of the robots, and the energies of a policy's actions.

N robots, T ticks, S state dim, G grid points per action dimension, P places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle as Patch
from numpy.typing import NDArray

from iifl_policy.implicit import ImplicitPolicy
from sim_bridge.maze.layout import MAZE_LAYOUT

PLACES = {"junction": (15.0, 25.0), "hallway": (95.0, 25.0), "windy area": (125.0, 28.0)}
"""Cells at which the energies are drawn."""
GRID = 61
"""G."""
DRAWN = 40
"""Number of robots whose trajectories are drawn."""
SUCCEEDED, FAILED = "#2166ac", "#b2182b"


@dataclass(frozen=True)
class NavigationPanel:
    """The trial of one policy in the wind."""

    name: str
    states_TNS: NDArray[np.float64]
    succeeded_N: NDArray[np.bool_]
    energies_PGG: NDArray[np.float64] | None
    """Energies of the first member at `PLACES` by dx and dy, scaled to [0, 1]; None for an explicit policy."""

    def write(self, path: Path) -> None:
        """Write the panel as .npz."""
        energies = np.zeros(0) if self.energies_PGG is None else self.energies_PGG
        np.savez_compressed(path, states=self.states_TNS, succeeded=self.succeeded_N, energies=energies)


def read_panel(name: str, path: Path) -> NavigationPanel:
    """Return the panel that `NavigationPanel.write` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        energies = arrays["energies"]
        return NavigationPanel(name, arrays["states"], arrays["succeeded"], energies if energies.size else None)


def landscapes(policy: ImplicitPolicy) -> NDArray[np.float64]:
    """Return the energies (P, G, G) of the first member at `PLACES`, scaled to [0, 1]."""
    axis = torch.linspace(-1, 1, GRID)
    actions_KA = torch.cartesian_prod(axis, axis)
    features_EPW = policy.features(np.array(list(PLACES.values())))
    shape = (len(features_EPW), len(PLACES), *actions_KA.shape)
    energies_PGG = policy.model(features_EPW, actions_KA.expand(shape))[0].view(-1, GRID, GRID).double().numpy()
    low, high = energies_PGG.min((1, 2), keepdims=True), energies_PGG.max((1, 2), keepdims=True)
    return np.asarray((energies_PGG - low) / (high - low))


def draw_navigation(panels: Sequence[NavigationPanel], path: Path) -> None:
    """Draw the trajectories of every policy in rows, and the energies of the last implicit one beside them."""
    figure = Figure(figsize=(13, 2.5 * len(panels)), layout="constrained")
    trajectories, energies = figure.subfigures(1, 2, width_ratios=[3, 1], squeeze=False)[0]
    for axes, panel in zip(
        trajectories.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0], panels, strict=True
    ):
        _draw_trajectories(axes, panel)
    implicit = [panel for panel in panels if panel.energies_PGG is not None]
    if implicit:
        _draw_energies(energies.subplots(len(PLACES), 1), implicit[-1])
    figure.savefig(path, dpi=130)


def _draw_trajectories(axes: Axes, panel: NavigationPanel) -> None:
    layout = MAZE_LAYOUT
    first, last = layout.windy
    axes.add_patch(Patch((first, -0.5), last - first, layout.rows, color="#d1e5f0", zorder=0))
    for x in np.linspace(first, last, 5)[1:-1]:
        axes.annotate("", (x, 31), (x, 19), arrowprops={"arrowstyle": "->", "color": "#4393c3"}, zorder=1)
    for wall in layout.walls:
        axes.add_patch(
            Patch((wall.x_low, wall.y_low), wall.x_high - wall.x_low, wall.y_high - wall.y_low, color="#969696")
        )
    for robot in range(min(DRAWN, panel.states_TNS.shape[1])):
        colour = SUCCEEDED if panel.succeeded_N[robot] else FAILED
        axes.plot(*panel.states_TNS[:, robot].T, color=colour, linewidth=0.8, alpha=0.5)
        if not panel.succeeded_N[robot]:
            cells = panel.states_TNS[~np.isnan(panel.states_TNS[:, robot, 0]), robot]
            axes.plot(*cells[-1], "x", color=FAILED, markersize=5)
    for place, marker in ((layout.start, "X"), (layout.goal, "X")):
        axes.plot(*place, marker, color="black" if place == layout.start else "#1b7837", markersize=9)
    rate = panel.succeeded_N.mean()
    axes.set_title(f"{panel.name}: {rate:.0%} of {panel.succeeded_N.size} trials reach the goal", loc="left")
    axes.set_xlim(-0.5, layout.columns - 0.5)
    axes.set_ylim(-0.5, layout.rows - 0.5)
    axes.set_aspect("equal")
    axes.set_ylabel("y (cells)")


def _draw_energies(all_axes: Sequence[Axes], panel: NavigationPanel) -> None:
    assert panel.energies_PGG is not None  # noqa: S101 - for the types
    for axes, name, energies_GG in zip(all_axes, PLACES, panel.energies_PGG, strict=True):
        shown = axes.imshow(energies_GG.T, origin="lower", extent=(-1, 1, -1, 1), cmap="viridis", vmin=0, vmax=1)
        axes.set_title(f"{panel.name}, {name} {tuple(int(cell) for cell in PLACES[name])}", loc="left", fontsize=9)
        axes.set_ylabel("dy")
    all_axes[-1].set_xlabel("dx")
    all_axes[-1].figure.colorbar(shown, ax=list(all_axes), label="normalised energy (low is good)", shrink=0.6)
