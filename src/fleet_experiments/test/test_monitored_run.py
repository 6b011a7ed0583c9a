"""A run whose humans are called by a monitor makes it first, learns its versions, and resumes where it was interrupted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from monitored import ALGORITHM, FIRST_MONITOR, SETUP

import fleet_experiments.fleet.fleet_run
import fleet_learning.optimization
from fleet_contract.signal import UNCERTAINTY, VIOLATION
from fleet_experiments.fleet.fleet_run import RUNNING, FleetRun
from fleet_experiments.fleet.fleet_trials import over_nodes
from fleet_learning.labels import EpisodeEvents
from fleet_learning.resume_file import resume_key
from fleet_monitor.episode import Episode
from fleet_monitor.monitor import FIREWORK, read_monitor
from fleet_monitor.watch import Watch
from fleet_training.algorithms import ALGORITHMS
from fleet_training.monitor_training import MONITOR, MonitorTraining

pytestmark = pytest.mark.slow
EPISODES = "episodes for the monitor"
VERSIONS = ("monitor.safetensors", "version_002.safetensors", "version_003.safetensors")


class Interrupted(Exception):
    """The process was interrupted."""


@pytest.fixture(autouse=True)
def save_often(monkeypatch):
    monkeypatch.setattr(fleet_experiments.fleet.fleet_run, "SAVE_EVERY_TICKS", 8)
    monkeypatch.setattr(fleet_learning.optimization, "SAVE_EVERY_STEPS", 5)


def run(folder, interrupt=None, algorithm=ALGORITHM):
    folder.mkdir(exist_ok=True)

    def on_progress(stage, done, _):
        if (stage, done) == interrupt:
            raise Interrupted

    return FleetRun(SETUP, algorithm, 0, folder, on_progress, FIRST_MONITOR).run()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return run(folder), folder


def test_the_monitor_learns_from_every_round_and_calls_humans(whole):
    outcome, folder = whole
    assert outcome.row["monitor"] == "failure novelty"
    assert outcome.algorithm == ALGORITHM
    about = [read_monitor(folder / "monitor" / name, SETUP.contract)[1] for name in VERSIONS]
    assert [own.rounds for own in about] == [1, 2, 3]
    assert [tuple(detector.kind for detector in own.detectors) for own in about] == [FIREWORK] * 3
    assert len({(folder / "monitor" / name).read_bytes() for name in VERSIONS}) == 3
    without = run(folder / "without", algorithm=ALGORITHMS["iifl"])
    assert "monitor" not in without.row
    assert not np.array_equal(without.tick_counts.human_actions_T, outcome.tick_counts.human_actions_T)


@pytest.mark.parametrize(
    "interruptions", [[(EPISODES, 300), ("dynamics", 12), (RUNNING, 3)], [(RUNNING, 45), (RUNNING, 71)]]
)
def test_an_interrupted_run_equals_an_uninterrupted_one(whole, tmp_path, interruptions):
    outcome, folder = whole
    for interruption in interruptions:
        with pytest.raises(Interrupted):
            run(tmp_path, interruption)
    resumed = run(tmp_path)
    assert resumed.row == outcome.row
    for name, counts_T in vars(outcome.tick_counts).items():
        np.testing.assert_array_equal(getattr(resumed.tick_counts, name), counts_T)
    for name, tensor in outcome.policy.tensors().items():
        assert torch.equal(resumed.policy.tensors()[name], tensor), name
    for name in VERSIONS:
        assert (tmp_path / "monitor" / name).read_bytes() == (folder / "monitor" / name).read_bytes(), name


def test_recorded_values_are_not_computed_again(tmp_path, monkeypatch):
    with pytest.raises(Interrupted):
        run(tmp_path, (RUNNING, 60))
    computed, update = [], Watch.update
    monkeypatch.setattr(Watch, "update", lambda own, tick, *others: computed.append(tick) or update(own, tick, *others))
    run(tmp_path)
    assert computed == list(range(56, SETUP.ticks))


def test_files_of_another_run_are_not_used(whole, tmp_path):
    """They may have stayed when the others were removed."""
    outcome, _ = whole
    (tmp_path / "monitor").mkdir()
    for name in VERSIONS:
        (tmp_path / "monitor" / name).write_bytes(b"another")
    assert run(tmp_path).row == outcome.row


def test_detectors_that_cannot_learn_are_left_out(tmp_path):
    """In episodes that all fail, nothing is known to be usual; in short ones, nothing can be learned at all."""
    states = np.random.default_rng(0).uniform(0, 50, (20, 40, 2))
    failed = [EpisodeEvents(np.zeros(40, bool), np.zeros(40, bool), "failure")] * len(states)
    for frames, kinds in ((40, ("failure",)), (10, ())):
        folder = tmp_path / str(frames)
        folder.mkdir()
        episodes = [
            Episode(
                "windy_navigation",
                own[:frames],
                replace(events, human_T=events.human_T[:frames], violated_T=events.violated_T[:frames]),
            )
            for own, events in zip(states, failed, strict=True)
        ]
        training = MonitorTraining(SETUP.contract, folder, 0, FIRST_MONITOR.world_model, dynamics_steps=5)
        made = training.monitor(episodes, FIREWORK, lambda *_: None, optional=True)
        assert made.kinds == read_monitor(folder / MONITOR, SETUP.contract)[0].kinds == kinds


def test_without_any_detector_the_run_is_that_of_the_algorithm_without_a_monitor(tmp_path):
    with pytest.raises(Interrupted):
        run(tmp_path, (EPISODES, 1))
    training = MonitorTraining(SETUP.contract, tmp_path / "monitor", 0, FIRST_MONITOR.world_model, dynamics_steps=5)
    events = EpisodeEvents(np.zeros(9, bool), np.zeros(9, bool), "failure")
    training.monitor(
        [Episode("windy_navigation", np.zeros((9, 2)), events)] * 4, FIREWORK, lambda *_: None, optional=True
    )
    outcome = run(tmp_path)
    without = run(tmp_path / "without", algorithm=ALGORITHMS["iifl"])
    assert outcome.row == without.row | {"algo": ALGORITHM.name, "monitor": "none"}
    assert over_nodes(SETUP, outcome.algorithm) == over_nodes(SETUP, ALGORITHMS["iifl"])


def test_the_fleet_file_for_the_nodes_selects_the_monitor():
    fleet = over_nodes(SETUP, ALGORITHM)
    (selection,) = fleet.signals
    assert (selection.provider, selection.names, selection.learns) == ("monitor", FIREWORK, True)
    assert str(selection.checkpoint) == "monitor/monitor.safetensors"
    assert fleet.allocation.order == (*FIREWORK, UNCERTAINTY, VIOLATION)


def test_runs_without_a_monitor_keep_their_keys(tmp_path):
    key = resume_key(SETUP.key, ALGORITHMS["iifl"], 0, "")
    assert FleetRun(SETUP, ALGORITHMS["iifl"], 0, tmp_path)._resume_file.key == key
    assert repr(ALGORITHMS["iifl"]) == (
        "Algorithm(name='IIFL', policy='implicit', order=('uncertainty', 'violation'), updates='at intervals', rule='priority')"
    )
