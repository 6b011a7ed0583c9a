"""The maze experiment with small networks reports what happened in its trials."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from small import CONTRACT, CONTRACT_FILE, SMALL

from fleet_contract.validation import InputError
from fleet_experiments.navigation.experiment import _run, navigation, navigation_setup
from fleet_experiments.navigation.figure import PLACES, landscapes, read_panel
from fleet_experiments.navigation.trial import run_trial
from fleet_experiments.results import read_results
from fleet_learning.policy import Decision
from fleet_learning.scaling import contract_scaling
from fleet_supervisors.supervisors import make_supervisor
from fleet_training.algorithms import ALGORITHMS
from fleet_training.demonstrations import demonstrate_episodes
from sim_bridge.backends import make_environment

NAMES = ("bc", "ibc", "ifl", "iifl")


class SupervisorPolicy:
    """Decides as a supervisor does."""

    observes = "state"

    def __init__(self, style, index=0) -> None:
        self._supervisor = make_supervisor("navigation", style, CONTRACT, 0, index)

    def decide(self, states_NS, generator):
        actions_NA = np.stack([self._supervisor.act(state_S) for state_S in states_NS])
        return Decision(actions_NA, np.zeros(len(states_NS)), np.zeros(len(states_NS)))


class Straight:
    """Always moves to the right."""

    observes = "state"

    def decide(self, states_NS, generator):
        return Decision(np.tile([1.0, 0.0], (len(states_NS), 1)), np.zeros(len(states_NS)), np.zeros(len(states_NS)))


@pytest.mark.parametrize("task", ["navigation", "windy_navigation"])
def test_a_policy_that_is_a_supervisor_succeeds_in_every_trial(task):
    trial = run_trial(make_environment("numpy", task, CONTRACT, 5), SupervisorPolicy("either"), seed=3)
    assert trial.succeeded_N.all()
    assert not trial.violated_N.any()
    assert trial.states_TNS.shape[1:] == (5, 2)
    assert np.abs(trial.states_TNS[-1] - (152, 25)).max() <= 2


def test_a_policy_that_goes_straight_ends_at_the_obstacle():
    trial = run_trial(make_environment("numpy", "navigation", CONTRACT, 2), Straight(), seed=0)
    assert trial.violated_N.all()
    assert not trial.succeeded_N.any()
    assert trial.states_TNS[:, 0].tolist() == [[float(x), 25.0] for x in range(8, 18)]


def test_demonstrations_are_one_complete_episode_of_every_robot():
    supervisors = [make_supervisor("navigation", style, CONTRACT, 0, 0) for style in ("up", "down")]
    episodes = demonstrate_episodes(make_environment("numpy", "navigation", CONTRACT, 4), supervisors, seed=0)
    for episode, above in zip(episodes, (True, False, True, False), strict=True):
        states_TS = episode.observations_B
        assert states_TS[0].tolist() == [8, 25]
        assert (states_TS[states_TS[:, 0] == 36, 1] > 25).all() == above
        np.testing.assert_array_equal(states_TS[:-1] + episode.actions_BA[:-1], states_TS[1:])


def test_landscapes_are_scaled_energies():
    setup = navigation_setup(CONTRACT_FILE)
    (dataset,) = demonstrate_episodes(
        make_environment("numpy", "navigation", CONTRACT, 1), [make_supervisor("navigation", "up", CONTRACT, 0, 0)], 0
    )
    policy = replace(setup, implicit=SMALL.implicit).new_policy(
        ALGORITHMS["iifl"], contract_scaling(CONTRACT, dataset), 0
    )
    energies_PGG = landscapes(policy)
    assert energies_PGG.shape == (len(PLACES), 61, 61)
    assert energies_PGG.min() == 0
    assert energies_PGG.max() == 1
    features = policy.features(np.array(list(PLACES.values())))
    corner = policy.model(features, torch.tensor([[1.0, -1.0]]).expand(2, 3, 1, 2))[0, :, 0]
    other = policy.model(features, torch.tensor([[-1.0, -1.0]]).expand(2, 3, 1, 2))[0, :, 0]
    np.testing.assert_array_equal(
        np.sign(energies_PGG[:, 60, 0] - energies_PGG[:, 0, 0]), np.sign((corner - other).numpy())
    )


@pytest.fixture(scope="module")
def small_experiment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maze")
    return folder, navigation(SMALL, folder, algorithms=NAMES, seeds=[0, 1], command="test", address=None)


@pytest.mark.slow
def test_the_experiment_reports_every_algorithm_seed_and_condition(small_experiment):
    folder, results = small_experiment
    assert read_results(folder) == results
    expected = {(ALGORITHMS[name].name, seed, wind) for name in NAMES for seed in (0, 1) for wind in ("calm", "windy")}
    assert {(row["algo"], row["seed"], row["condition"]) for row in results.rows} == expected
    assert all(row["trials"] == 100 and 0 <= row["success"] <= 1 - row["collided"] for row in results.rows)
    with Image.open(folder / "navigation.png") as figure:
        assert figure.format == "PNG"
        assert min(figure.size) > 800


@pytest.mark.slow
def test_the_figure_is_drawn_from_the_panels_of_the_runs(small_experiment):
    folder, results = small_experiment
    for name in NAMES:
        panel = read_panel(name, folder / "runs" / f"{name}_0" / "windy.npz")
        row = next(
            row
            for row in results.rows
            if (row["algo"], row["seed"], row["condition"]) == (ALGORITHMS[name].name, 0, "windy")
        )
        assert panel.succeeded_N.mean() == row["success"]
        assert (panel.energies_PGG is not None) == (ALGORITHMS[name].policy == "implicit")


@pytest.mark.parametrize("name", ["ibc", "iifl"])
@pytest.mark.slow
def test_a_worker_gives_the_same_rows_as_this_process(small_experiment, tmp_path, name):
    _, results = small_experiment
    rows = _run(SMALL, ALGORITHMS[name], 1, tmp_path, lambda *_: None)
    assert rows == [row for row in results.rows if (row["algo"], row["seed"]) == (ALGORITHMS[name].name, 1)]


@pytest.mark.slow
def test_completed_runs_are_not_repeated(small_experiment):
    folder, results = small_experiment
    rows = folder / "runs" / "iifl_1" / "rows.json"
    rows.write_text(rows.read_text().replace('"IIFL"', '"stored"'), encoding="utf-8")
    again = navigation(SMALL, folder, algorithms=NAMES, seeds=[0, 1], command="test", address=None)
    assert len(again.rows) == len(results.rows)
    assert {row["algo"] for row in again.rows} == {"BC", "IBC", "IFL", "IIFL", "stored"}
    with pytest.raises(
        InputError, match=r"runs: expected a new folder, or one with the same runs to resume, got one with other runs"
    ):
        navigation(
            replace(SMALL, ticks=SMALL.ticks + 1), folder, algorithms=NAMES, seeds=[0, 1], command="test", address=None
        )
