# noqa: INP001 - benchmarks are no package
"""How long one allocation takes, 1,000 robots and 100 humans, by every kind of rule.

    python -P -m pytest src/fleet_allocator/bench/bench_allocation.py -o python_functions="bench_*"

N robots.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from fleet_allocator.allocator import Allocator
from fleet_contract.fleet import Allocation, numbered

ROBOTS, HUMANS = 1000, 100
WARM_UP_TICKS = 200
"""Longer than the online threshold's window."""
RULES: dict[str, dict[str, Any]] = {
    "UC": {},
    "UC, online threshold": {"threshold": "online", "online_percentile": 90.0},
    "UC, all humans busy": {"idle_humans": False},
    "C": {"order": "C"},
    "CUR": {"order": "CUR"},
    "TD": {"order": "TD"},
    "random": {"order": "random", "budget_per_tick": 50.0},
}

Inputs = tuple[int, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float64]]


@pytest.mark.parametrize("rule", RULES)
def bench_step(benchmark: BenchmarkFixture, rule: str) -> None:
    """One tick of a fleet in which every ninth robot is unsure and every fiftieth in violation."""
    config = Allocation(**({"threshold": 2.2} | RULES[rule]))
    allocator = Allocator(config, numbered("robot", ROBOTS), numbered("human", HUMANS), seed=0)
    random, ticks = np.random.default_rng(0), count()

    def inputs_of_a_tick() -> tuple[Inputs, dict[str, Any]]:
        everybody = np.ones(HUMANS, dtype=bool)
        uncertainties_N, violated_N = random.exponential(size=ROBOTS), random.random(ROBOTS) < 1 / 50
        return (next(ticks), uncertainties_N, violated_N, everybody, random.random(ROBOTS)), {}

    benchmark.pedantic(allocator.step, setup=inputs_of_a_tick, rounds=500, warmup_rounds=WARM_UP_TICKS)
