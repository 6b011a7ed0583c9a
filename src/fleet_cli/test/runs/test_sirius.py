"""A fleet that learns by Sirius' weights learns the same over the nodes as in one process."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT

from fleet_cli.ros_runs import FOLDER, ros_rows
from fleet_contract.fleet import read_fleet
from fleet_experiments.fleet.fleet_run import FleetRun, Outcome
from fleet_experiments.fleet.fleet_trials import over_nodes
from fleet_learning.labels import Label
from fleet_learning.policy_store import LoadedVersion, PolicyStore
from fleet_learning.version_folder import FIRST_TRAINED_VERSION
from fleet_learning.weighting import DEMONSTRATION
from fleet_training.algorithms import ALGORITHMS
from fleet_training.learning_setup import learning_setup

pytestmark = pytest.mark.slow
ROBOTS, DEMONSTRATED, SEED = 4, 40, 3
TICKS, EPISODE_TICKS, UPDATE_TICKS = 110, 50, (40, 80)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, list[LoadedVersion]]:
    """The outcome in one process, and the versions of the same run over the nodes."""
    folder = tmp_path_factory.mktemp("sirius")
    fleet = read_fleet(ROOT / "launch/config/benchmark/cpu/ball_balance.yaml").with_changes(
        source="test",
        robots={"count": ROBOTS},
        environment={"episode_ticks": EPISODE_TICKS},
        supervisors={"count": 2},
        policy={"chains": 8, "iterations": 3},
        allocation={"thresholds": {"uncertainty": 0.0}, "intervention_ticks": 2, "hard_reset_ticks": 2},
        training={"update_ticks": UPDATE_TICKS, "gradient_steps": 5, "weighting": "sirius"},
        pretraining={"pairs": DEMONSTRATED, "gradient_steps": 30, "batch_size": 16, "width": 16},
    )
    setup, algorithm = learning_setup(fleet, ticks=TICKS), ALGORITHMS["iifl"]
    over_nodes(setup, algorithm).write(folder / "fleet.yaml")
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as the nodes have: two would add up in another order
    outcome = FleetRun(setup, algorithm, SEED, folder).run()
    torch.set_num_threads(before)
    ros_rows({folder: outcome.row}, ticks=TICKS)
    return outcome, versions(folder / FOLDER)


def versions(folder: Path) -> list[LoadedVersion]:
    """All versions that were trained in a run."""
    contract = read_fleet(folder / "fleet.yaml").contract()
    store = PolicyStore(folder / "policies", first_version=FIRST_TRAINED_VERSION)
    return [store.read(version, contract) for version in store.versions()]


def test_the_last_version_is_the_same(runs: tuple[Outcome, list[LoadedVersion]]) -> None:
    outcome, stored = runs
    assert len(stored) == 2
    for name, tensor in outcome.policy.tensors().items():
        assert torch.equal(stored[-1].policy.tensors()[name], tensor), name


def test_training_sets_keep_the_labels_of_all_attempts_that_have_ended(
    runs: tuple[Outcome, list[LoadedVersion]],
) -> None:
    outcome, stored = runs
    first, second = (version.dataset for version in stored)
    assert first.labels_B is not None
    assert second.labels_B is not None
    # Steps of attempts that have not ended wait for the next round.
    sizes = [DEMONSTRATED, len(first), len(second), outcome.row["pairs"], DEMONSTRATED + ROBOTS * TICKS]
    assert sizes == sorted(sizes)
    assert len(first) < len(second) < DEMONSTRATED + ROBOTS * UPDATE_TICKS[1]
    np.testing.assert_array_equal(second.labels_B[: len(first)], first.labels_B)
    counts = Counter(second.labels_B.tolist())
    assert counts[DEMONSTRATION] == DEMONSTRATED
    assert min(counts[Label.INTERVENTION], counts[Label.PRE_INTERVENTION]) > 0
