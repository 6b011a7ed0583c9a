"""The cascade benchmark drives a fleet and a stream, and compares them with full estimates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fleet_contract.fleet import read_fleet
from fleet_contract.validation import InputError
from fleet_experiments.bench.cascade import QUICK, _recall, cascade_bench
from fleet_experiments.bench.drifting_stream import DriftingTask
from fleet_experiments.results import read_results
from fleet_learning.policy import Decision

FLEET = read_fleet(Path(__file__).parents[3] / "launch/config/block_push.yaml")


def test_rows_of_both_workloads(tmp_path):
    results = cascade_bench(FLEET, QUICK, tmp_path, seed=0, command="./fleet bench cascade --quick")
    assert read_results(tmp_path) == results
    assert [row["env"] for row in results.rows] == ["block_push", "drifting stream"]
    for row in results.rows:
        assert 0 <= row["recall"] <= row["recall_within_errors"] <= 1
        assert 0 <= row["self_agreement"] <= 1
        assert (row["passes"], row["compared_ticks"]) == (QUICK.ticks - 1, 2)
        assert min(row[name] for name in ("p50_s", "p99_s", "first_tick_s", "full_s")) > 0


def test_a_fleet_that_cannot_be_read_is_refused(tmp_path):
    missing = FLEET.model_copy(
        update={"policy": FLEET.policy.model_copy(update={"checkpoint": tmp_path / "none.safetensors"})}
    )
    with pytest.raises(InputError, match="there is no such checkpoint"):
        cascade_bench(missing, QUICK, tmp_path, seed=0, command="")


def decision(*uncertainties, error=0.0):
    uncertainties_N = np.array(uncertainties)
    return Decision(np.zeros((len(uncertainties_N), 1)), uncertainties_N, np.full(len(uncertainties_N), error))


def test_recall_is_the_fraction_of_the_most_uncertain_robots_found():
    reference = decision(5.0, 4.0, 3.0, 2.0)
    assert _recall(decision(9.0, 8.0, 1.0, 0.0), reference, 2) == 1
    assert _recall(decision(8.0, 9.0, 1.0, 0.0), reference, 2) == 1
    assert _recall(decision(9.0, 0.0, 8.0, 0.0), reference, 2) == 0.5
    assert _recall(decision(0.0, 1.0, 2.0, 3.0), reference, 2) == 0


def test_within_errors_indistinguishable_robots_count():
    reference = decision(5.0, 4.0, 3.5, 2.0, error=0.25)
    others = decision(9.0, 0.0, 8.0, 0.0), decision(9.0, 0.0, 0.0, 8.0)
    assert [_recall(other, reference, 2) for other in others] == [0.5, 0.5]
    assert [_recall(other, reference, 2, errors=2.0) for other in others] == [1.0, 0.5]


def test_a_stream_is_smooth_and_depends_on_its_seed_alone():
    task, same, other = (DriftingTask(QUICK.shape, seed) for seed in (0, 0, 1))
    states = task.states(20, 50)
    assert states.shape == (50, 20, QUICK.shape.state_dim)
    moves = np.abs(np.diff(states, axis=0)).mean((0, 1)) / states.std((0, 1))
    assert (moves < 0.1).all()
    np.testing.assert_array_equal(states, same.states(20, 50))
    assert not np.array_equal(states, other.states(20, 50))
    policies = [
        one.policy(QUICK.training, on_progress=lambda _: None).model.net.weights[0].detach()
        for one in (task, same, other)
    ]
    assert policies[0].equal(policies[1])
    assert not policies[0].equal(policies[2])
