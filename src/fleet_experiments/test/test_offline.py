"""Behaviour cloning reports correct errors where the correct answer is known."""

from __future__ import annotations

import numpy as np
import pytest

import fleet_experiments.offline.experiment as offline_module
from fleet_experiments.offline.experiment import METHODS, clone
from fleet_experiments.offline.recordings import read_demonstrations

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Return rows for a task with two modes: the second action value is +0.6 or -0.6, the first follows the observation."""
    folder = tmp_path_factory.mktemp("offline")
    generator = np.random.default_rng(0)
    states = generator.uniform(-1, 1, (600, 2))
    actions = np.stack([0.1 * states[:, 0], generator.choice([-0.6, 0.6], 600)], 1)
    np.savez(folder / "modes.npz", observations=states, actions=actions, dones=np.arange(600) % 20 == 19)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(offline_module, "MEASURED", 60)
        recording = read_demonstrations([folder / "modes.npz"])
        found = [
            row
            for method in METHODS
            for row in clone(
                method, recording, folder, lambda *_: None, env="modes", seed=0, steps=[20, 150], width=64, depth=2
            )
        ]
    return {(row["algo"], row["condition"]): row for row in found}


def test_every_policy_is_measured_after_every_count_of_steps(rows):
    trained = [("BC",), ("BC in the data's range",), ("IBC",), ("IBC in the robot's range",), ("IBC as published",)]
    expected = {("mean action", "baseline"), ("nearest neighbours", "baseline")}
    assert set(rows) == expected | {(*name, f"{steps} steps") for name in trained for steps in (20, 150)}


def test_the_mean_action_is_wrong_by_the_distance_of_both_modes(rows):
    assert rows["mean action", "baseline"]["rmse_1"] == pytest.approx(0.6, abs=0.05)


def test_the_closest_of_eight_neighbours_has_the_same_mode(rows):
    row = rows["nearest neighbours", "baseline"]
    assert row["best_of_8_mse"] < 0.05 < row["mse"]


def test_implicit_cloning_commits_to_a_mode_and_explicit_cloning_does_not(rows):
    explicit, implicit = rows["BC", "150 steps"], rows["IBC", "150 steps"]
    assert explicit["rmse_1"] == pytest.approx(0.6, abs=0.1)
    assert implicit["best_of_8_mse"] < 0.5 * explicit["best_of_8_mse"]
    assert implicit["rmse_0"] < 0.06
    assert implicit["uniform_below"] < 0.2


def test_more_steps_do_not_make_it_worse(rows):
    assert rows["IBC", "150 steps"]["best_of_8_mse"] < rows["IBC", "20 steps"]["best_of_8_mse"]
