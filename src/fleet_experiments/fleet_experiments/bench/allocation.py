"""Measures the duration of one allocation with every kind of rule.

N robots.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress

from fleet_allocator.allocator import Allocator
from fleet_contract.fleet import AllocationConfig, numbered
from fleet_contract.signal import RISK, UNCERTAINTY, VIOLATION
from fleet_experiments.bench.stopwatch import Stopwatch, percentiles
from fleet_experiments.results import Results, Row, new_results, run_of

WARM_UP_TICKS = 200
"""Ticks before the measurement; more than the window of the online threshold."""
RULES: Mapping[str, Mapping[str, Any]] = {
    "UC": {},
    "UC, online threshold": {"thresholds": {UNCERTAINTY: "online"}, "online_percentile": 90.0},
    "UC, all humans busy": {"idle_humans": False},
    "C": {"order": [VIOLATION]},
    "CUR": {"order": [VIOLATION, UNCERTAINTY, RISK]},
    "TD": {"rule": "td", "order": [RISK, UNCERTAINTY, VIOLATION]},
    "random": {"rule": "random", "order": [], "options": {"budget_per_tick": 50.0}},
}
Inputs = tuple[int, Mapping[str, NDArray[np.float64]]]
"""Arguments of `Allocator.step`: tick and signals."""


@dataclass(frozen=True)
class AllocationLoad:
    """A fleet in which every ninth robot is uncertain and every fiftieth is in violation."""

    robots: int = 1000
    humans: int = 100
    ticks: int = 500
    """Number of measured ticks."""

    def allocator(self, rule: str) -> Allocator:
        """Return an allocator with one of the rules."""
        config = AllocationConfig(**({"thresholds": {UNCERTAINTY: 2.2, RISK: 0.5}} | dict(RULES[rule])))
        return Allocator(config, numbered("robot", self.robots), numbered("human", self.humans), seed=0)

    def inputs(self, seed: int) -> Iterator[Inputs]:
        """Yield the inputs of tick after tick, without end."""
        random, tick = np.random.default_rng(seed), 0
        while True:
            uncertainties_N, violated_N = random.exponential(size=self.robots), random.random(self.robots) < 1 / 50
            signals = {
                UNCERTAINTY: uncertainties_N,
                VIOLATION: violated_N.astype(np.float64),
                RISK: random.random(self.robots),
            }
            yield tick, signals
            tick += 1


QUICK = AllocationLoad(robots=20, humans=4, ticks=3)


def allocation_bench(load: AllocationLoad, folder: Path, *, seed: int, command: str) -> Results:
    """Measure all rules and write the results into the folder."""
    rows: list[Row] = []
    with Progress() as progress:
        for rule in progress.track(RULES, description="rules"):
            allocator, inputs, watch = load.allocator(rule), load.inputs(seed), Stopwatch(torch.device("cpu"))
            for _ in range(WARM_UP_TICKS + load.ticks):
                tick = next(inputs)
                with watch.part("step"):
                    allocator.step(*tick)
            condition = f"{load.robots} robots, {load.humans} humans"
            rows.append(
                run_of("allocation", rule, seed, condition) | percentiles(watch.durations["step"][WARM_UP_TICKS:])
            )
    results = new_results("allocation bench", command, rows)
    results.write(folder)
    return results
