"""The merge benchmark measures every method on policies of the size that is reported."""

from __future__ import annotations

import torch

from fleet_experiments.bench.merge import QUICK, MergeLoad, merge_bench
from fleet_experiments.results import read_results
from policy_merge.merging import METHODS


def test_a_row_per_method(tmp_path):
    results = merge_bench(QUICK, tmp_path, seed=0, command="./fleet bench merge --quick")
    assert read_results(tmp_path) == results
    assert [row["algo"] for row in results.rows] == list(METHODS)
    assert {row["condition"] for row in results.rows} == {"2 policies of 2 x 8", "2 policies of 1 x 8"}
    for row in results.rows:
        assert row["merge_s"] > 0
        assert row["cpu_s"] > 0


def test_the_load_is_five_policies_of_six_layers_that_have_nothing_in_common():
    policies, pairs = MergeLoad().sites("weights", seed=0)
    assert (len(policies), len(pairs), len(pairs[0])) == (5, 5, 2000)
    widths = {name: tensor.shape[-1] for name, tensor in policies[0].tensors().items() if name.startswith("weights")}
    assert list(widths.values()) == [256] * 6 + [8]
    first, second = (policy.tensors()["weights.3"].flatten() for policy in policies[:2])
    assert abs(float(torch.corrcoef(torch.stack([first, second]))[0, 1])) < 0.05
    policies, _ = MergeLoad().sites("fleet_merge", seed=0)
    assert policies[0].net.sizes == [60, 128, 128, 128, 8]
