"""A policy from recorded runs: what it learns from, when it stops, and that a cut training goes on to the same policy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fleet_bags.lerobot.export import export
from fleet_bags.samples import COLUMNS, Samples, SamplesMetadata, SourceRun
from fleet_contract.action import ActionKind, ActionSource
from fleet_contract.fleet import PretrainingConfig, read_fleet
from fleet_contract.validation import InputError
from fleet_learning.dataset import new_dataset
from fleet_training import offline_training
from fleet_training.algorithms import ALGORITHMS
from fleet_training.learning_setup import learning_setup
from fleet_training.offline_training import OfflineTraining, TrainingData, read_training_data

CONFIG = Path(__file__).parents[3] / "launch/config"
SHIPPED = read_fleet(CONFIG / "block_push.yaml")
CONTRACT = SHIPPED.contract()
SETUP = learning_setup(
    SHIPPED.with_changes(
        source="test",
        pretraining=PretrainingConfig(
            width=16,
            depth=1,
            gradient_steps=60,
            batch_size=32,
            learning_rate=3e-3,
            counter_example_iterations=5,
            calibration_percentile=75.0,
        ),
        policy={"chains": 16, "iterations": 10},
    ),
    ticks=0,
)


def pairs(count: int, seed: int):
    """Push the cube towards the middle."""
    states = np.random.default_rng(seed).uniform(-0.2, 0.2, (count, 6))
    return new_dataset(states, np.clip(-states[:, :2], -0.05, 0.05))


def samples_of(attempts: int, ticks: int = 10, *, taught: int = 4) -> Samples:
    """Attempts of one robot; humans drive their first ticks, the policy the others."""
    count = attempts * ticks
    shown = np.tile(np.arange(ticks) < taught, attempts)
    lesson = pairs(count, 1)
    columns = {
        name: np.zeros((count, *([6] * (dims == ("S",)) + [2] * (dims == ("A",)))), t)
        for name, (t, dims) in COLUMNS.items()
    }
    columns |= {
        "attempts": np.repeat(np.arange(attempts), ticks),
        "states": lesson.observations_B.astype(np.float64),
        "actions": lesson.actions_BA.astype(np.float64),
        "shown": shown,
        "sources": np.where(shown, ActionSource.HUMAN, ActionSource.POLICY),
        "kinds": np.full(count, ActionKind.MOVE, dtype=np.int8),
        "violated": np.tile(np.arange(ticks) == ticks - 1, attempts),
    }
    runs = (SourceRun(bag="bag", task="block_push", robots=("robot_01",), supervisors=("human_01",)),)
    return Samples(
        SamplesMetadata(format="", contract=CONTRACT, runs=runs, samples=count, left_out=0, has_images=False), columns
    )


@pytest.fixture
def recorded(monkeypatch):
    """Sets by path."""
    sets = {}
    monkeypatch.setattr(offline_training, "read_samples", lambda path: sets[path.name])
    return sets


def test_whole_attempts_are_held_out_and_thresholds_come_from_where_the_policy_drove(recorded):
    recorded["set"] = samples_of(20)
    lessons = read_training_data([Path("set")], CONTRACT, "state", seed=4)
    rows = {row.tobytes(): attempt for row, attempt in zip(
        recorded["set"].columns["states"].astype(np.float32), recorded["set"].columns["attempts"], strict=True
    )}  # fmt: skip
    seen, kept = ({rows[row.tobytes()] for row in part.observations_B} for part in (lessons.pairs, lessons.held_out))
    assert (len(seen), len(kept)) == (16, 4)
    assert not seen & kept
    assert len(lessons.pairs) == 16 * 4
    assert len(lessons.visited) == 20 * 5, "not those of humans, nor in violation"


def test_demonstrations_are_learned_from_as_well_and_none_of_them_is_held_out(recorded, tmp_path):
    pairs(70, 2).save(tmp_path / "shown.npz")
    recorded["set"] = samples_of(20)
    lessons = read_training_data([Path("set"), tmp_path / "shown.npz"], CONTRACT, "state", seed=4)
    assert (len(lessons.pairs), len(lessons.held_out)) == (16 * 4 + 70, 4 * 4)
    alone = read_training_data([tmp_path / "shown.npz"], CONTRACT, "state", seed=4)
    assert (len(alone.pairs), len(alone.held_out), len(alone.visited)) == (70, 0, 70)


def test_what_was_exported_for_lerobot_teaches_the_same(recorded, tmp_path):
    moved = samples_of(20)
    moved = replace(moved, columns={**moved.columns, "kinds": np.full(len(moved), ActionKind.MOVE)})
    recorded["set"] = moved
    export(moved, tmp_path / "export")
    own, back = (read_training_data([path], CONTRACT, "state", seed=4) for path in (Path("set"), tmp_path / "export"))
    assert (back.pairs.digest, back.held_out.digest) == (own.pairs.digest, own.held_out.digest)
    np.testing.assert_array_equal(back.visited, own.visited.astype(np.float32))
    policies = []
    for name, lessons in (("own", own), ("back", back)):
        (tmp_path / name).mkdir()
        training = OfflineTraining(SETUP, ALGORITHMS["bc"], lessons, tmp_path / name, seed=5)
        policies.append(training.run()[0].policy.tensors())
    for tensor, same in zip(policies[0].values(), policies[1].values(), strict=True):
        np.testing.assert_array_equal(tensor, same)


def test_of_few_attempts_none_is_held_out(recorded):
    recorded["set"] = samples_of(4, ticks=40, taught=20)
    assert not len(read_training_data([Path("set")], CONTRACT, "state", seed=0).held_out)


def test_without_a_policy_and_with_few_attempts_the_threshold_is_calibrated_on_the_last_fifth(recorded):
    demonstrated = samples_of(4, ticks=40, taught=20)
    demonstrated.columns["kinds"][~demonstrated.columns["shown"]] = ActionKind.HOLD
    recorded["set"] = demonstrated
    data = read_training_data([Path("set")], CONTRACT, "state", seed=0)
    states = demonstrated.columns["states"][demonstrated.columns["shown"]].astype(np.float32)
    np.testing.assert_array_equal(data.pairs.observations_B, states[:64])
    np.testing.assert_array_equal(data.held_out.observations_B, states[64:])
    np.testing.assert_array_equal(data.visited, states[64:])


def test_without_a_policy_the_threshold_is_calibrated_on_the_held_out_attempts(recorded):
    demonstrated = samples_of(20)
    demonstrated.columns["kinds"][~demonstrated.columns["shown"]] = ActionKind.HOLD
    recorded["set"] = demonstrated
    data = read_training_data([Path("set")], CONTRACT, "state", seed=0)
    assert (len(data.pairs), len(data.held_out)) == (16 * 4, 4 * 4)
    np.testing.assert_array_equal(data.visited, data.held_out.observations_B)


def test_too_little_to_learn_from_and_other_robots_are_refused(recorded):
    recorded["set"] = samples_of(3)
    with pytest.raises(InputError, match="set: expected at least 50 pairs with human actions, got 12"):
        read_training_data([Path("set")], CONTRACT, "state", seed=0)
    with pytest.raises(InputError, match="set: contract: expected"):
        read_training_data([Path("set")], read_fleet(CONFIG / "mobile_base.yaml").contract(), "state", seed=0)
    with pytest.raises(InputError, match="images: expected a training set of robots that have a camera"):
        read_training_data([Path("set")], CONTRACT, "camera", seed=0)


class Cut(Exception):
    """Somebody has pulled the plug."""


@pytest.mark.parametrize("algorithm", ["iifl", "bc"])
def test_a_cut_training_goes_on_to_the_same_policy(tmp_path, algorithm):
    lessons = TrainingData(pairs(120, 1), pairs(30, 2), pairs(30, 3).observations_B)

    def training(name, advance=lambda *_: None):
        (tmp_path / name).mkdir(exist_ok=True)
        return OfflineTraining(SETUP, ALGORITHMS[algorithm], lessons, tmp_path / name, seed=5, advance=advance)

    whole, errors = training("whole").run()

    def cut(_, done, __):
        if done == 31:
            raise Cut

    with pytest.raises(Cut):
        training("cut", cut).run()
    again, same_errors = training("cut").run()
    assert same_errors == errors
    assert again.threshold == whole.threshold
    for name, tensor in whole.policy.tensors().items():
        np.testing.assert_array_equal(again.policy.tensors()[name], tensor)
    assert not (tmp_path / "cut/training.safetensors").exists()


def bars(errors):
    return [error.mean <= min(errors, key=lambda each: each.mean).bar for error in errors]


def test_it_learns_and_serves_the_last_policy_that_errs_least_as_far_as_one_can_tell(tmp_path):
    lessons = TrainingData(pairs(200, 1), pairs(60, 2), pairs(30, 3).observations_B)
    start, errors = OfflineTraining(SETUP, ALGORITHMS["bc"], lessons, tmp_path, seed=5).run()
    assert min(error.mean for error in errors) < 0.5 * errors[0].mean
    last = max(index for index, good in enumerate(bars(errors)) if good)
    assert start.policy.optimizer_state.steps == 3 * (1 + last)


def test_it_ends_when_what_is_held_out_gets_worse(tmp_path):
    """There is nothing to learn in noise but the noise."""
    noise = pairs(40, 1)
    noise = replace(noise, actions_BA=np.random.default_rng(0).uniform(-0.05, 0.05, (40, 2)).astype(np.float32))
    other = replace(pairs(400, 2), actions_BA=np.zeros((400, 2), np.float32))
    slow = replace(SETUP.explicit, optimizer=replace(SETUP.explicit.optimizer, learning_rate=1e-4))
    setup = replace(SETUP.with_fleet(pretraining={"gradient_steps": 2000}), explicit=slow)
    lessons = TrainingData(noise, other, other.observations_B)
    start, errors = OfflineTraining(setup, ALGORITHMS["bc"], lessons, tmp_path, seed=5).run()
    assert len(errors) < offline_training.CHECKS
    assert not any(bars(errors)[-offline_training.PATIENCE :])
    assert start.policy.optimizer_state.steps == 100 * (len(errors) - offline_training.PATIENCE)


def test_another_training_in_the_folder_is_refused(tmp_path):
    lessons = TrainingData(pairs(120, 1), pairs(30, 2), pairs(30, 3).observations_B)

    def cut(_, done, __):
        if done == 5:
            raise Cut

    with pytest.raises(Cut):
        OfflineTraining(SETUP, ALGORITHMS["bc"], lessons, tmp_path, seed=5, advance=cut).run()
    with pytest.raises(InputError, match="got another training"):
        OfflineTraining(SETUP, ALGORITHMS["bc"], lessons, tmp_path, seed=6).run()


def test_the_threshold_is_the_percentile_of_the_uncertainties_where_the_policy_drove(tmp_path):
    lessons = TrainingData(pairs(120, 1), pairs(30, 2), pairs(40, 3).observations_B)
    start, _ = OfflineTraining(SETUP, ALGORITHMS["bc"], lessons, tmp_path, seed=5).run()
    unsure_N = start.policy.decide(lessons.visited, None).uncertainties_N
    assert start.threshold == pytest.approx(np.percentile(unsure_N, 75.0))
