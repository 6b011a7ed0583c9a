"""Reproduces IIFL's figure 2: Jeffreys divergence of two energies by numerical integration and by Langevin sampling.

E ensemble members (two), B states, G grid points, W state dim (one).
"""

from __future__ import annotations

from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from fleet_experiments.jeffreys.gaussian_pair import GaussianPair
from fleet_experiments.jeffreys.integration import energies_at, features_of, integrated
from fleet_learning.randomness import torch_generator
from iifl_policy.jeffreys import jeffreys
from iifl_policy.langevin import CORRECTED

OFFSET = -100.0
"""Offset of the first energy, nats."""
CHAINS = 512
EDGE = 1.5
"""The figure shows states from -EDGE to EDGE."""
STATE = "state (model space)"
GREEN, PURPLE = "#1b7837", "#762a83"


def measure(states_B: Tensor) -> list[dict[str, float]]:
    """Return both estimates at every state, without and with the offset, from the same random numbers."""
    rows = []
    features_EBW = features_of(states_B)
    for offset in (0.0, OFFSET):
        pair = GaussianPair(offset=offset)
        divergences_B, errors_B = jeffreys(
            pair, features_EBW, CORRECTED.sample(pair, features_EBW, CHAINS, torch_generator(0))
        )
        columns = {
            "state": states_B,
            "integrated_nats": integrated(pair, states_B),
            "langevin_nats": divergences_B,
            "standard_error_nats": errors_B,
        }
        rows += [
            {"offset_nats": offset} | dict(zip(columns, row, strict=True))
            for row in torch.stack(list(columns.values()), 1).tolist()
        ]
    return rows


def draw_jeffreys_figure(folder: Path) -> list[dict[str, float]]:
    """Write jeffreys.png.

    Returns:
        The estimates at the states that are marked in the figure.
    """
    rows = measure(torch.linspace(-EDGE, EDGE, 25, dtype=torch.float64))
    figure = Figure(figsize=(11, 5), layout="constrained")
    axes = figure.subplot_mosaic([["first", "divergence"], ["second", "divergence"]], width_ratios=[1, 1.5])
    _draw_energy(axes["first"], member=0, colour_map="Greens_r")
    _draw_energy(axes["second"], member=1, colour_map="Purples_r")
    axes["first"].tick_params(labelbottom=False)
    axes["second"].set_xlabel(STATE)
    _draw_divergence(axes["divergence"], rows)
    figure.savefig(folder / "jeffreys.png", dpi=150)
    return rows


def _draw_energy(axes: Axes, *, member: int, colour_map: str) -> None:
    states_B, actions_G = (torch.linspace(-edge, edge, 201, dtype=torch.float64) for edge in (EDGE, 1))
    energies_BG = energies_at(GaussianPair(offset=OFFSET), states_B, actions_G)[member]
    highest = (OFFSET, 0.0)[member]
    levels = torch.linspace(highest - 4, highest, 17)
    contours = axes.contourf(states_B, actions_G, energies_BG.T, levels=levels, cmap=colour_map)
    axes.figure.colorbar(contours, ax=axes, label="energy (nats)", ticks=levels[::4].tolist())
    axes.set_aspect("equal")
    axes.set_yticks([-1, 0, 1])
    axes.set_ylabel("action (half ranges)")
    axes.set_title((f"First energy, with an offset of {OFFSET:g} nats", "Second energy")[member], loc="left")


def _draw_divergence(axes: Axes, rows: list[dict[str, float]]) -> None:
    states_B = torch.linspace(-EDGE, EDGE, 401, dtype=torch.float64)
    axes.plot(states_B, integrated(GaussianPair(), states_B), color="black", label="numerical integration")
    for offset, marker, size, fill, colour in ((0.0, "s", 9, "none", PURPLE), (OFFSET, "o", 4, "full", GREEN)):
        marked = [row for row in rows if row["offset_nats"] == offset]
        axes.errorbar(
            [row["state"] for row in marked],
            [row["langevin_nats"] for row in marked],
            yerr=[row["standard_error_nats"] for row in marked],
            marker=marker,
            markersize=size,
            fillstyle=fill,
            color=colour,
            linestyle="none",
            capsize=3,
            label=f"{CHAINS} Langevin chains, {'with' if offset else 'without'} the offset",
        )
    axes.set_ylim(top=3)
    axes.set_xlabel(STATE)
    axes.set_ylabel("Jeffreys divergence (nats)")
    axes.set_title("Divergence of the two policies, with standard errors", loc="left")
    axes.legend(frameon=False, loc="upper center")
