"""Every algorithm is a configuration of one run, and an interrupted run resumes to the same result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small import SMALL

import fleet_experiments.fleet.fleet_run
import fleet_learning.optimization
from fleet_contract.fleet import read_fleet
from fleet_contract.validation import InputError
from fleet_experiments.fleet.fleet_run import RUNNING, FleetRun
from fleet_training.algorithms import ALGORITHMS, RESETS_ONLY
from fleet_training.learning_setup import learning_setup
from iifl_policy.implicit import ImplicitPolicy
from iifl_policy.langevin import Langevin

BENCHMARK = Path(__file__).parents[3] / "launch/config/benchmark/cpu"


class Interrupted(Exception):
    """The process was interrupted."""


@pytest.fixture(autouse=True)
def save_often(monkeypatch):
    monkeypatch.setattr(fleet_experiments.fleet.fleet_run, "SAVE_EVERY_TICKS", 4)
    monkeypatch.setattr(fleet_learning.optimization, "SAVE_EVERY_STEPS", 2)


def run(folder, name, seed=0, setup=SMALL, on_progress=lambda *_: None):
    folder.mkdir(exist_ok=True)
    return FleetRun(setup, ALGORITHMS[name], seed, folder, on_progress).run()


def interrupt_at(stage, step):
    def on_progress(current, done, _):
        if (current, done) == (stage, step):
            raise Interrupted

    return on_progress


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_runs_and_counts(name, tmp_path):
    progress = []
    outcome = run(tmp_path, name, on_progress=lambda *arguments: progress.append(arguments))
    row, algorithm = outcome.row, ALGORITHMS[name]
    assert (row["env"], row["algo"], row["seed"]) == ("maze", algorithm.name, 0)
    learned = outcome.policy.optimizer_state.steps - SMALL.fleet.pretraining.gradient_steps
    assert learned == (0 if algorithm.updates == "never" else SMALL.online_steps)
    assert row["human_actions"] >= row["teleoperation_ticks"] >= 0
    assert row["teleoperation_ticks"] == 0 or algorithm.order != RESETS_ONLY
    assert row["teleoperation_ticks"] > 0 or algorithm.rule != "random"
    assert row["pairs"] == len(outcome.demonstrations) + row["teleoperation_ticks"]
    assert [done for stage, done, _ in progress if stage == RUNNING] == list(range(1, SMALL.ticks + 1))
    assert ("calibration", 5, 5) in progress if "uncertainty" in algorithm.order else row["threshold"] == 0.0


@pytest.mark.parametrize("name", ["ifl", "iifl", "iifl_random"])
@pytest.mark.parametrize("interruptions", [[("pretraining", 5)], [(RUNNING, 3), (RUNNING, 18)]])
def test_an_interrupted_run_equals_an_uninterrupted_one(name, interruptions, tmp_path):
    for stage, step in interruptions:
        with pytest.raises(Interrupted):
            run(tmp_path / "interrupted", name, on_progress=interrupt_at(stage, step))
    progress = []
    resumed = run(tmp_path / "interrupted", name, on_progress=lambda *arguments: progress.append(arguments))
    uninterrupted = run(tmp_path / "uninterrupted", name)
    assert resumed.row == uninterrupted.row
    for key, tensor in uninterrupted.policy.tensors().items():
        assert torch.equal(resumed.policy.tensors()[key], tensor), key
    pretrained = [done for stage, done, _ in progress if stage == "pretraining"]
    assert pretrained == ([5, 6] if interruptions[0][0] == "pretraining" else [])


@pytest.mark.parametrize("task", ["ball_balance", "franka_cube_stack"])
def test_an_interrupted_run_with_robots_that_always_move_equals_an_uninterrupted_one(task, tmp_path):
    fleet = read_fleet(BENCHMARK / f"{task}.yaml")
    setup = learning_setup(fleet, ticks=25).with_fleet(
        pretraining={"pairs": 20, "gradient_steps": 3, "calibration_ticks": 3},
        training={"update_ticks": (10, 20) if fleet.training.update_ticks else (), "gradient_steps": 2},
    )
    setup = replace(setup, implicit=replace(setup.implicit, chains=4, sampler=Langevin(iterations=2)))
    with pytest.raises(Interrupted):
        run(tmp_path / "interrupted", "iifl", setup=setup, on_progress=interrupt_at(RUNNING, 18))
    resumed = run(tmp_path / "interrupted", "iifl", setup=setup)
    uninterrupted = run(tmp_path / "uninterrupted", "iifl", setup=setup)
    assert resumed.row == uninterrupted.row
    assert uninterrupted.row["reward"] > 0
    assert (uninterrupted.row["teleoperation_ticks"] == 25 * 2) == (task == "franka_cube_stack"), (
        "all humans are always busy there"
    )
    for key, tensor in uninterrupted.policy.tensors().items():
        assert torch.equal(resumed.policy.tensors()[key], tensor), key


def test_decisions_are_not_made_again(tmp_path, monkeypatch):
    with pytest.raises(Interrupted):
        run(tmp_path, "iifl", on_progress=interrupt_at(RUNNING, 18))
    decided = []
    decide = ImplicitPolicy.decide
    monkeypatch.setattr(ImplicitPolicy, "decide", lambda *arguments: decided.append(1) or decide(*arguments))
    run(tmp_path, "iifl")
    assert len(decided) == SMALL.ticks - 16


def test_another_run_is_refused(tmp_path):
    with pytest.raises(Interrupted):
        run(tmp_path, "iifl", on_progress=interrupt_at(RUNNING, 18))
    for other in ({"seed": 1}, {"name": "ibc"}, {"setup": SMALL.with_fleet(robots={"count": 5})}):
        with pytest.raises(InputError, match="got another training"):
            run(tmp_path, **({"name": "iifl"} | other))


def test_seeds_differ_and_repeat(tmp_path):
    one, same, other = (run(tmp_path / str(i), "iifl", seed) for i, seed in enumerate((0, 0, 1)))
    assert torch.equal(*(outcome.policy.tensors()["weights.0"] for outcome in (one, same)))
    assert not torch.equal(*(outcome.policy.tensors()["weights.0"] for outcome in (one, other)))


@pytest.mark.parametrize(
    ("ticks", "updates", "steps"), [(30, (10, 20, 30), 3), (31, (7, 14, 21), 11), (100, (100,), 50), (5, (), 7)]
)
@pytest.mark.parametrize("name", ["ifl", "iifl", "bc"])
def test_all_algorithms_that_learn_take_the_same_number_of_steps(name, ticks, updates, steps):
    setup = replace(SMALL.with_fleet(training={"update_ticks": updates, "gradient_steps": steps}), ticks=ticks)
    due = [setup.steps_after(ALGORITHMS[name], tick) for tick in range(1, ticks + 1)]
    learns = name == "ifl" or (name == "iifl" and updates)
    assert sum(due) == (steps * len(updates) if learns else 0)
    assert min(due) >= 0
    if name == "iifl":
        assert {tick for tick, count in enumerate(due, 1) if count} <= set(updates)
    if name == "ifl":
        assert np.ptp(due) <= 1
