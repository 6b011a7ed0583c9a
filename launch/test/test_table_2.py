"""The experiment in one process and the nodes over topics give the same run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import fleet

FLEET = """
fleet: tiny
robots: {contract: CONTRACT, count: 3}
environment: {backend: mujoco, task: block_push}
supervisors: {count: 2, styles: [clockwise, counterclockwise]}
policy: {checkpoint: made/policy.safetensors, chains: 8, iterations: 3}
allocation: {intervention_ticks: 2, hard_reset_ticks: 2}
training: {demonstrations: made/pairs.npz, update_ticks: [8, 16], gradient_steps: 12}
pretraining:
  {pairs: 40, width: 16, depth: 1, gradient_steps: 30, batch_size: 8, counter_iterations: 2, learning_rate: 1.0e-3,
   calibration_ticks: 10, calibration_percentile: 50, observes: camera, filters: [4, 4, 4], shift_px: 2.0}
"""
CONTRACT = Path(__file__).parents[1] / "config/robots/push_cell.yaml"
ALGORITHMS = ("bc", "ibc", "ifl", "iifl")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("table")
    (folder / "tiny.yaml").write_text(FLEET.replace("CONTRACT", str(CONTRACT)))
    words = ("--fleet", "tiny.yaml", "--ticks", "24", "--seeds", "3", "--report", "out")
    done = fleet("experiment", "block_push", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_nodes_repeat_the_experiment(folder, algorithm, monkeypatch):
    """To the last push; a policy of two threads adds up in another order."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (row,) = json.loads((folder / f"out/runs/{algorithm}_3/rows.json").read_text())
    words = ("--fleet", f"out/runs/{algorithm}_3/fleet.yaml", "--seed", "3", "--ticks", "24", "--headless")
    done = fleet("up", *words, "--report", f"{algorithm}_nodes", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((folder / f"{algorithm}_nodes/summary.json").read_text())
    same = ("successes", "hard_resets", "human_actions", "rohe", "threshold")
    assert {key: summary[key] for key in same} == pytest.approx({key: row[key] for key in same}, rel=1e-12)
    assert row["human_actions"] > 0
    assert len(summary["policy_versions"]) == {"bc": 1, "ibc": 1, "ifl": 24, "iifl": 3}[algorithm]
