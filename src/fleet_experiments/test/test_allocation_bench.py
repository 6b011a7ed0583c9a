"""The allocation benchmark measures every kind of rule with the same load."""

from __future__ import annotations

from itertools import islice

import numpy as np

from fleet_experiments.bench.allocation import QUICK, RULES, AllocationLoad, allocation_bench
from fleet_experiments.results import read_results


def test_a_row_per_rule(tmp_path):
    results = allocation_bench(QUICK, tmp_path, seed=0, command="./fleet bench allocation --quick")
    assert read_results(tmp_path) == results
    assert [row["algo"] for row in results.rows] == list(RULES)
    for row in results.rows:
        assert 0 < row["p50_s"] <= row["p99_s"]
        assert row["passes"] == QUICK.ticks


def test_the_load_is_a_large_fleet_with_every_ninth_robot_uncertain():
    load = AllocationLoad()
    ticks = list(islice(load.inputs(seed=0), 50))
    assert [tick[0] for tick in ticks] == list(range(50))
    assert 0.1 < np.mean([signals["uncertainty"] > 2.2 for _, signals in ticks]) < 0.12
    assert 0.015 < np.mean([signals["violation"] for _, signals in ticks]) < 0.025
    table = load.allocator("UC").step(*ticks[0])
    assert len(table.leases) == load.humans == 100
