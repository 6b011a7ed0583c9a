"""Draws Figure 3 of IIFL: completed tasks, hard resets and return on human effort over ticks.

R runs, T ticks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fleet_allocator.effort import plotted_return_on_human_effort
from fleet_experiments.fleet.fleet_run import TickCounts
from fleet_training.algorithms import FLEET_ALGORITHMS

COLOURS = dict(
    zip(
        (algorithm.name for algorithm in FLEET_ALGORITHMS.values()),
        ("#8c510a", "#5ab4ac", "#d8b365", "#9970ab", "#01665e", "#1f78b4"),
        strict=True,
    )
)
ROHE = "return on human effort,\nas the paper plots it"
MEASURES: dict[str, Callable[[TickCounts], NDArray[np.float64]]] = {
    "completed tasks": lambda counts: counts.successes_T.cumsum().astype(float),
    "hard resets": lambda counts: counts.hard_resets_T.cumsum().astype(float),
    ROHE: lambda counts: plotted_return_on_human_effort(counts.successes_T, counts.human_actions_T),
}
"""Measures (T,) by their label in the figure."""


@dataclass(frozen=True)
class BenchmarkPanel:
    """The runs of one algorithm in one environment with different seeds."""

    env: str
    algorithm: str
    runs: Sequence[TickCounts]

    @property
    def has_human_actions(self) -> bool:
        """Whether humans acted in any run."""
        return any(counts.human_actions_T.any() for counts in self.runs)


def draw_benchmark(panels: Sequence[BenchmarkPanel], path: Path) -> None:
    """Draw means over runs with bands of one standard deviation, by environment and measure.

    Without human actions there is no return on human effort (N/A in table 1 of the paper).
    """
    envs = list(dict.fromkeys(panel.env for panel in panels))
    figure = Figure(figsize=(3.4 * len(envs), 2.6 * len(MEASURES)), layout="constrained")
    grid = figure.subplots(len(MEASURES), len(envs), squeeze=False, sharex="col")
    for row, (label, measure) in enumerate(MEASURES.items()):
        for column, env in enumerate(envs):
            axes = grid[row, column]
            for panel in panels:
                if panel.env == env and (label != ROHE or panel.has_human_actions):
                    values_RT = np.stack([measure(counts) for counts in panel.runs])
                    mean_T, spread_T = values_RT.mean(0), values_RT.std(0)
                    ticks = np.arange(1, len(mean_T) + 1)
                    axes.plot(ticks, mean_T, color=COLOURS[panel.algorithm], label=panel.algorithm)
                    axes.fill_between(
                        ticks, mean_T - spread_T, mean_T + spread_T, color=COLOURS[panel.algorithm], alpha=0.2, lw=0
                    )
            if row == 0:
                axes.set_title(env)
            if column == 0:
                axes.set_ylabel(label)
            if row == len(MEASURES) - 1:
                axes.set_xlabel("tick")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    figure.savefig(path, dpi=110)
