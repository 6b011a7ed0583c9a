"""The benchmark of Table 5 checks equality first, and its rows describe the measurements."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from fleet_experiments.bench import policy as policy_bench
from fleet_experiments.bench.policy import ACTION, BOTH, OURS, PLAIN, QUICK, STEP, UNCERTAINTY
from fleet_experiments.bench.policy_check import Unequal, check_equality
from fleet_experiments.bench.policy_workload import Counted, new_subject
from fleet_experiments.results import read_results
from fleet_learning.randomness import torch_generator
from iifl_policy import plain
from iifl_policy.energy import EnergyShape

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    results = policy_bench.policy_bench(QUICK, folder, seed=0, command="./fleet bench policy --quick")
    assert read_results(folder) == results
    return results


def measured(results, algo, condition):
    (row,) = (
        row for row in results.rows if row["device"] == "cpu" and (row["algo"], row["condition"]) == (algo, condition)
    )
    return row


@pytest.mark.parametrize("condition", [ACTION, UNCERTAINTY, BOTH, STEP])
def test_both_implementations_are_measured_and_compared(results, condition):
    ours, theirs = (measured(results, algo, condition) for algo in (OURS, PLAIN))
    assert ours["speedup"] == pytest.approx(theirs["p50_s"] / ours["p50_s"])
    assert 0 < ours["p50_s"] <= ours["p99_s"]
    assert ours["difference"] <= 1e-6


def test_shares_count_evaluated_actions(results):
    row = measured(results, OURS, BOTH)
    assert 0 < row["inside_share"] < 1
    assert 0 < row["gemm_share"] < row["mathematics_share"]


def test_a_training_step_is_the_sum_of_its_parts(results):
    for algo in (OURS, PLAIN):
        row = measured(results, algo, STEP)
        parts = [row[name] for name in ("sampler_s", "forward_backward_s", "optimiser_s")]
        assert all(part > 0 for part in parts)
        assert sum(parts) == pytest.approx(row["p50_s"], rel=0.5)


@pytest.mark.skipif(torch.cuda.is_available(), reason="the GPU is measured here")
def test_without_a_gpu_its_rows_are_marked(results):
    rows = [row for row in results.rows if row["device"] == "cuda: not measured"]
    assert {row["condition"] for row in rows} == {ACTION, UNCERTAINTY, BOTH, STEP}
    assert not any("p50_s" in row for row in rows)


def test_a_plain_pass_that_would_take_too_long_is_projected(tmp_path, monkeypatch):
    monkeypatch.setattr(policy_bench, "LONGEST_S", -1e9)
    bench = policy_bench._Bench(new_subject(QUICK, 0, CPU), 0)
    for row in bench.plain_decisions():
        assert row["projected_from_iterations"] == policy_bench.MORE
    monkeypatch.setattr(policy_bench, "LONGEST_S", 1e9)
    assert all(row["projected_from_iterations"] is None for row in bench.plain_decisions())


def test_a_projection_adds_the_remaining_iterations(monkeypatch):
    monkeypatch.setattr(policy_bench, "LONGEST_S", -1.0)
    monkeypatch.setattr(policy_bench, "seconds", lambda device, run: 3.0 + 2.0 * run.args[0])
    bench = policy_bench._Bench(new_subject(replace(QUICK, iterations=100), 0, CPU), 0)
    assert bench._full_pass(lambda iterations: iterations) == (pytest.approx(203.0), policy_bench.MORE)


@pytest.mark.parametrize(
    ("name", "value"), [("FIRST_STEP", 0.11), ("MOST_MOVE", 0.05), ("LEARNING_RATE", 1e-3), ("LAST_STEP", 1e-3)]
)
def test_other_mathematics_is_refused(name, value, monkeypatch):
    monkeypatch.setattr(plain, name, value)
    with pytest.raises(Unequal, match="expected a difference of package and plain composition of at most 1e-06, got "):
        check_equality(QUICK, 0, CPU)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_equal_mathematics_is_accepted(seed):
    sizes = replace(QUICK, shape=EnergyShape(6, 4, width=24, depth=3), iterations=20)
    assert check_equality(sizes, seed, CPU) <= 1e-9


def test_floating_point_operations_are_those_of_the_layers():
    sizes = replace(QUICK, robots=2, chains=3, iterations=4, shape=EnergyShape(7, 3, width=5, depth=3))
    per_energy = 2 * (3 * 5 + 5 * 5 + 5 * 5 + 5)
    assert sizes.forward_flops == per_energy
    assert sizes.flops(1) == 2 * per_energy * (2 * 3) * 5
    assert sizes.flops(2) == 2 * per_energy * (2 * 2 * 3) * 5 + per_energy * (2 * 2 * 3)
    assert sizes.flops(1, 0.5) == sizes.flops(1) / 2
    assert sizes.share([12, 6, 6, 6, 6]) == pytest.approx(0.6)


def test_only_actions_within_the_range_are_counted():
    subject, counts = new_subject(QUICK, 0, CPU), []
    policy = subject.policy()
    features = policy.features(subject.states_NS)
    model = Counted(policy.model, counts)
    actions = torch.rand(2, QUICK.robots, 4, 3, generator=torch_generator(0))
    actions[0, 0, 0, 0] = 1.5
    energies, _ = model.field(features)(actions)
    assert counts == [2 * QUICK.robots * 4 - 1]
    assert torch.isinf(energies).sum() == 1
    torch.testing.assert_close(energies[1], model(features, actions)[1])
