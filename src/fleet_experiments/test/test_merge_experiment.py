"""The merging experiment, at a size of seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fleet_contract.fleet import read_fleet
from fleet_experiments.merge.experiment import merge_experiment
from fleet_experiments.merge.figure import draw_sites
from fleet_experiments.merge.linear import linear_runs
from fleet_experiments.merge.methods import METHODS, merged
from fleet_experiments.merge.scale import Scale
from fleet_experiments.merge.site import held_out_error
from fleet_experiments.merge.sites import DemonstratedTasks, barriers, demonstrated, one_shot, rounds
from fleet_experiments.merge.windows import windows
from fleet_experiments.results import run_of
from fleet_learning.dataset import new_dataset
from fleet_learning.scaling import contract_scaling
from fleet_training.learning_setup import learning_setup
from policy_merge.alignment import AlignmentConfig

FLEETS = Path(__file__).parents[3] / "launch/config"
SMALL = Scale(
    controllers=2,
    trajectories=3,
    trajectory_steps=20,
    linear_steps=20,
    episodes=1,
    held_out_episodes=1,
    sites=2,
    context=8,
    width=16,
    steps=40,
    test_episodes=1,
    alignment=AlignmentConfig(epochs=1, steps=2),
    round_alignment=AlignmentConfig(epochs=1, steps=2),
)


@pytest.fixture(scope="module")
def setup():
    return learning_setup(read_fleet(FLEETS / "tabletop.yaml"), ticks=0)


@pytest.fixture(scope="module")
def shown(setup, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "demonstrations_0"
    folder.mkdir()
    demonstrated(setup, SMALL, 0, folder, lambda *_: None)
    return folder


def test_windows_are_stretches_of_one_episode(setup):
    size, contract = setup.contract.state_dim, setup.contract
    numbers = np.linspace(contract.action_low_A, contract.action_high_A, 10)
    episode = new_dataset(np.arange(10 * size).reshape(10, size), numbers)
    scaling = contract_scaling(contract, episode)
    found = windows([episode, episode[np.arange(3)]], [4, 5], scaling, length=4, stride=3)
    assert found.tasks_X.tolist() == [4, 4, 4]
    states, actions = scaling.pairs(episode)
    for row, first in enumerate((0, 3, 6)):
        torch.testing.assert_close(found.states_XTS[row], states[first : first + 4])
        torch.testing.assert_close(found.actions_XTA[row], actions[first : first + 4])


@pytest.mark.parametrize("concentration", [0.1, 10.0])
def test_sites_share_no_window(setup, shown, concentration):
    trial = DemonstratedTasks(setup, SMALL, "elman", 0, shown)
    split = trial.split(concentration)
    rows = np.concatenate(split)
    assert len(set(map(len, split))) == 1
    assert len(set(rows.tolist())) == len(rows)


def test_training_lowers_the_error_on_own_windows(setup, shown):
    trial = DemonstratedTasks(setup, SMALL, "feed-forward", 0, shown)
    site = trial.site(trial.all_windows(), 0)
    assert error(site.trained(300, 0)) < error(site) / 2


def error(site, parameters=None):
    return held_out_error(site.network, parameters or site.parameters, site.windows)


def test_networks_with_the_same_units_in_other_places_merge_into_the_same(setup, shown):
    """Matching undoes a planted permutation, and plain averaging does not."""
    trial = DemonstratedTasks(setup, SMALL, "elman", 0, shown)
    site = trial.site(trial.all_windows(), 0).trained(300, 0)
    orders = trial.network.symmetries.random(torch.Generator().manual_seed(0))
    moved = site.at(trial.network.symmetries.reordered(site.parameters, orders))
    own = error(site)
    assert error(moved) == pytest.approx(own, rel=1e-4)
    for name in ("Git Re-Basin, weights", "Git Re-Basin, activations", "RegMean, matched"):
        found = merged([site, moved], name, SMALL.alignment, 0)
        assert max(found.moved) > 0
        assert error(site, found.tensors) == pytest.approx(own, rel=0.02)
    assert error(site, merged([site, moved], "average", SMALL.alignment, 0).tensors) > 1.5 * own


def test_every_method_is_compared_on_the_same_sites(setup, shown):
    folder = shown.parent / "run"
    rows = one_shot(setup, SMALL, "elman", 0.1, 0, folder, lambda *_: None)
    assert [row["algo"] for row in rows] == ["joint", "single", *METHODS]
    assert {row["condition"] for row in rows} == {"elman, once, Dirichlet 0.1"}
    (row,) = rounds(setup, SMALL, "elman", "FLEET-MERGE", 5, 0, folder, lambda *_: None)
    assert row["merges"] >= 1
    rows = barriers(setup, SMALL, "feed-forward", 0, folder, lambda *_: None)
    assert {row["condition"].rpartition(", ")[2] for row in rows} == {"different starts", "shared start"}
    assert all(0 <= row["success"] <= 1 for row in rows)


def test_the_figure_has_a_panel_per_kind_and_merging(tmp_path):
    conditions = ("elman, once, Dirichlet 0.1", "elman, once, Dirichlet 10", "elman, every 5 epochs, Dirichlet 1")
    rows = [
        run_of("metaworld", algo, seed, condition) | {"success": 0.1 * seed}
        for condition in conditions
        for algo in ("average", "joint")
        for seed in (1, 2)
    ]
    draw_sites([*rows, run_of("aircraft", "joint", 1, "linear")], tmp_path / "sites.png")
    with Image.open(tmp_path / "sites.png") as drawn:
        assert drawn.width > 1.5 * drawn.height


def test_the_experiment_resumes(setup, tmp_path):
    options = {"parts": ["linear"], "seeds": [0], "scale": SMALL, "command": "", "address": None}
    results = merge_experiment(setup, tmp_path, **options)
    assert {row["condition"] for row in results.rows} == {"linear"}
    assert merge_experiment(setup, tmp_path, **options).rows == results.rows


def test_an_expert_costs_least(tmp_path):
    rows = linear_runs(replace(SMALL, linear_steps=200), 0, tmp_path, lambda *_: None)
    assert {row["env"] for row in rows} == {"aircraft", "unstable aircraft"}
    assert all(row["cost"] is None or row["cost"] > 0.98 for row in rows)
