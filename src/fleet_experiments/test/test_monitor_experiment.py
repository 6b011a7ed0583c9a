"""A small monitor experiment runs through all its parts, and reports what happened in them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fleet_contract.fleet import read_fleet
from fleet_contract.signal import VIOLATION
from fleet_contract.validation import InputError
from fleet_experiments.monitor.experiment import ORDERS, _passive, _rounds, _world_model
from fleet_experiments.monitor.figure import draw_false_alarms, draw_rounds
from fleet_experiments.monitor.learner import first_learner
from fleet_experiments.monitor.rollouts import roll_out
from fleet_experiments.monitor.scale import Scale
from fleet_learning.weighting import DEMONSTRATION
from fleet_monitor.autoencoder import AutoencoderShape
from fleet_monitor.dynamics import DynamicsShape
from fleet_monitor.monitor import DETECTORS
from fleet_monitor.world_model import WorldModelConfig
from fleet_training.learning_setup import learning_setup
from sim_bridge.backends import prepare_environment

pytestmark = pytest.mark.slow

CONFIG = Path(__file__).parents[3] / "launch/config"
FLEET = read_fleet(CONFIG / "tabletop.yaml").with_changes(
    source="test",
    robots={"count": 4, "tasks": ("close_drawer", "turn_lever")},
    supervisors={"count": 2},
    pretraining={"pairs": 1200},
)
SETUP = learning_setup(FLEET, ticks=0)
TINY = WorldModelConfig(
    AutoencoderShape(64, 64, filters=(8, 8), strides=(4, 4), map_channels=8, dense=32),
    DynamicsShape(embedding=16, layers=1, heads=2),
    futures=2,
)
SCALE = Scale(
    episodes=4,
    rounds=2,
    first_steps=1000,
    round_steps=50,
    world_model=TINY,
    autoencoder_steps=30,
    dynamics_steps=20,
)


def silent(*_):
    """No progress."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders of the parts of one experiment with seed 0, and the rows of each."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("monitor")
    parts = {
        "world_model": lambda own: _world_model(SETUP, SCALE, own, silent),
        "passive_0": lambda own: _passive(SETUP, SCALE, 0, own, silent),
        "firework_0": lambda own: _rounds(SETUP, SCALE, "firework", 0, own, silent),
    }
    rows = {}
    for name, part in parts.items():
        (folder / name).mkdir()
        rows[name] = part(folder / name)
    return folder, rows


def test_every_detector_is_judged_on_the_same_episodes(runs):
    rows = [row for row in runs[1]["passive_0"] if row["condition"] == "passive"]
    assert {row["algo"] for row in rows} == {*DETECTORS, "uncertainty", "random", "firework"}
    counts = {(row["failures"], row["successes"]) for row in rows}
    assert len(counts) == 1
    assert sum(counts.pop()) <= SCALE.episodes * FLEET.robots.count


def test_every_monitor_asks_at_the_same_share_of_frames(runs):
    budgets = json.loads((runs[0] / "passive_0" / "budgets.json").read_text())
    assert set(budgets) == set(ORDERS) - {"none"}
    assert all(np.isfinite(factor) and factor >= 0 for factor in budgets.values())


def test_rounds_are_measured(runs):
    assert [row["condition"] for row in runs[1]["firework_0"]] == ["round 1", "round 2"]
    for row in runs[1]["firework_0"]:
        assert row["rohe_firework"] == pytest.approx(row["combined"] / (1 + row["human_share"]))
        assert 0 <= row["autonomous"] <= 1
    assert runs[1]["firework_0"][0]["human_share"] > 0


def test_figures_are_drawn(runs, tmp_path):
    draw_false_alarms(runs[1]["passive_0"], tmp_path / "false_alarms.png")
    draw_rounds(runs[1]["firework_0"], tmp_path / "rounds.png")
    for path in (tmp_path / "false_alarms.png", tmp_path / "rounds.png", runs[0] / "passive_0" / "film.png"):
        assert np.asarray(Image.open(path).convert("L")).std() > 5


def test_rollouts_are_whole_episodes_and_equally_many_of_each_robot():
    learner = first_learner(SETUP, steps=300, seed=1)
    rollouts = roll_out(SETUP, learner.policy, (VIOLATION,), episodes=2, seed=5)
    again = roll_out(SETUP, learner.policy, (VIOLATION,), episodes=2, seed=5)
    tasks = [episode.task for episode in rollouts.episodes]
    assert {task: tasks.count(task) for task in FLEET.tasks} == dict.fromkeys(FLEET.tasks, 4)
    for rollout, same in zip(rollouts.rollouts, again.rollouts, strict=True):
        np.testing.assert_array_equal(rollout.episode.observations_F, same.episode.observations_F)
        frames = len(rollout.states_FS)
        assert {len(rollout.episode.observations_F), len(rollout.actions_FA), len(rollout.uncertainties_F)} == {frames}
        assert not rollout.episode.events.human_T.any()
        assert frames <= 120
    learned = learner.after_round(rollouts.rollouts, steps=5, seed=0)
    assert len(learned.pairs) == len(learner.pairs) + sum(len(rollout.states_FS) for rollout in rollouts.rollouts)
    assert (learned.pairs.labels_B[: len(learner.pairs)] == DEMONSTRATION).all()
    assert (learned.pairs.labels_B[len(learner.pairs) :] != DEMONSTRATION).all()


def test_the_experiment_can_be_made_in_metaworld(tmp_path):
    try:
        prepare_environment("metaworld", "mt6")
    except InputError as error:
        pytest.skip(str(error))
    fleet = read_fleet(CONFIG / "metaworld.yaml").with_changes(
        source="test",
        robots={"count": 2, "tasks": ("pick_place", "dial_turn")},
        supervisors={"count": 1},
        pretraining={"pairs": 150},
    )
    torch.set_num_threads(1)
    (row,) = _world_model(learning_setup(fleet, ticks=0), replace(SCALE, episodes=1, first_steps=50), tmp_path, silent)
    assert row["env"] == "metaworld"
    assert row["episodes"] == 3 * fleet.robots.count
