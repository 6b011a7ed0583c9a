# noqa: INP001 - benchmarks are no package
"""Measures one allocation of 1,000 robots and 100 humans with every kind of rule, as `fleet bench allocation` does.

python -m pytest src/fleet_experiments/bench/bench_allocation.py -o python_functions="bench_*"
"""

from __future__ import annotations

from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from fleet_experiments.bench.allocation import RULES, WARM_UP_TICKS, AllocationLoad, Inputs


@pytest.mark.parametrize("rule", RULES)
def bench_step(benchmark: BenchmarkFixture, rule: str) -> None:
    """Measure one tick."""
    load = AllocationLoad()
    inputs = load.inputs(seed=0)

    def inputs_of_a_tick() -> tuple[Inputs, dict[str, Any]]:
        return next(inputs), {}

    benchmark.pedantic(
        load.allocator(rule).step, setup=inputs_of_a_tick, rounds=load.ticks, warmup_rounds=WARM_UP_TICKS
    )
