"""The stopwatch measures durations of blocks by name."""

from __future__ import annotations

import pytest
import torch

from fleet_experiments.bench import stopwatch
from fleet_experiments.bench.stopwatch import Stopwatch, percentiles, seconds

CPU = torch.device("cpu")


@pytest.fixture
def clock(monkeypatch):
    """Replace the clock by a settable time."""
    now = [0.0]
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: now[0])
    return now


def test_parts_and_laps(clock):
    watch = Stopwatch(CPU)
    for duration in (1.0, 3.0):
        with watch.part("outer"):
            clock[0] += duration
            with watch.part("inner"):
                clock[0] += 0.5
        watch.lap("step")
    assert watch.durations == {"outer": [1.5, 3.5], "inner": [0.5, 0.5], "step": [1.5, 3.5]}


def test_seconds_of_a_call(clock):
    def run():
        clock[0] += 2.5

    assert seconds(CPU, run) == 2.5


def test_percentiles_interpolate():
    assert percentiles([1.0]) == {"p50_s": 1.0, "p99_s": 1.0, "passes": 1}
    assert percentiles([float(value) for value in range(101)]) == {"p50_s": 50.0, "p99_s": 99.0, "passes": 101}
