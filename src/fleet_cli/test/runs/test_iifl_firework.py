"""Nodes repeat a run whose humans are called by a learning monitor, with the same versions of policy and monitor."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import ROOT

from fleet_cli.ros_runs import FOLDER, METRICS, ros_rows
from fleet_contract.fleet import Fleet
from fleet_experiments.fleet.fleet_run import FleetRun, Outcome
from fleet_experiments.fleet.fleet_trials import over_nodes
from fleet_experiments.results import Row
from fleet_learning.checkpoint import read_checkpoint
from fleet_monitor.dynamics import DynamicsShape
from fleet_monitor.state_scaling import StateShape
from fleet_monitor.world_model import WorldModelConfig
from fleet_training.algorithms import MONITORED
from fleet_training.first_monitor import FirstMonitor
from fleet_training.learning_setup import learning_setup

pytestmark = pytest.mark.slow
TICKS, SEED = 60, 0
MAZE = Fleet.model_validate(
    {
        "fleet": "maze",
        "robots": {"contract": ROOT / "launch/config/robots/pointbot.yaml", "count": 4},
        "environment": {"backend": "numpy", "task": "windy_navigation"},
        "supervisors": {"count": 2, "styles": ["either", "up"]},
        "policy": {"checkpoint": None, "chains": 16},
        "allocation": {"intervention_ticks": 3, "hard_reset_ticks": 2},
        "training": {"demonstrations": "demonstrations.npz", "update_ticks": [30, 50], "gradient_steps": 3},
        "pretraining": {
            "pairs": 600,
            "width": 32,
            "depth": 2,
            "gradient_steps": 400,
            "batch_size": 64,
            "learning_rate": 1e-3,
            "counter_example_iterations": 2,
            "calibration_ticks": 20,
        },
    }
)
FIRST_MONITOR = FirstMonitor(
    ticks=400,
    world_model=WorldModelConfig(
        StateShape(2), DynamicsShape(embedding=16, layers=1, heads=2, context=3, horizon=3), futures=4
    ),
    dynamics_steps=20,
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome, Row]:
    """The folder of a run in one process, its outcome, and the row of the same run over the nodes."""
    folder = tmp_path_factory.mktemp("iifl_firework")
    setup = learning_setup(MAZE, ticks=TICKS)
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as the nodes have: two would add up in another order
    outcome = FleetRun(setup, MONITORED["iifl_firework"], SEED, folder, first_monitor=FIRST_MONITOR).run()
    torch.set_num_threads(before)
    over_nodes(setup, outcome.algorithm).write(folder / "fleet.yaml")
    (row,) = ros_rows({folder: outcome.row}, ticks=TICKS)
    return folder, outcome, row


def test_the_nodes_repeat_the_run(runs: tuple[Path, Outcome, Row]) -> None:
    _, outcome, row = runs
    assert outcome.row["monitor"]
    assert {key: row[key] for key in METRICS} == pytest.approx({key: outcome.row[key] for key in METRICS}, rel=1e-12)
    assert row["human_actions"]


def test_versions_are_the_same(runs: tuple[Path, Outcome, Row]) -> None:
    folder, outcome, _ = runs
    learned = folder / FOLDER / "signals" / "_".join(outcome.algorithm.detectors)
    for version in ("version_002.safetensors", "version_003.safetensors"):
        assert (learned / version).read_bytes() == (folder / "monitor" / version).read_bytes()
    policy, _ = read_checkpoint(folder / FOLDER / "policies/version_003.safetensors", MAZE.contract())
    for name, tensor in outcome.policy.tensors().items():
        assert torch.equal(policy.tensors()[name], tensor), name
