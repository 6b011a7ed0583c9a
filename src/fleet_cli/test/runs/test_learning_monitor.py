"""A monitor learns in the rounds of a run: at the due tick its next version computes the values, in every lockstep run the same."""

from __future__ import annotations

import os
import signal
from itertools import pairwise

import numpy as np
import pytest
import yaml
from bags import messages
from conftest import ROOT, fleet, up
from running import TIMEOUT_S, of_run, started, wait_for, wait_for_file, wait_until

from fleet_bags.build import build
from fleet_bags.recording import read_recording
from fleet_bags.samples import read_samples
from fleet_contract.fleet import read_fleet
from fleet_contract.lease_table import lease_table_of
from fleet_contract.robot_actions import robot_actions_of
from fleet_contract.robot_states import robot_states_of
from fleet_learning.robot_steps import RobotSteps
from fleet_learning.signal_provider import read_provider
from fleet_learning.tensor_file import file_digest
from fleet_monitor.monitor import read_monitor
from fleet_training.monitored_episodes import recorded_episodes

pytestmark = pytest.mark.slow
DUE, TICKS, SEED = (55, 65), 72, 5
SIGNALS = ("failure", "novelty")
FOLDER = "signals/failure_novelty"


@pytest.fixture(scope="module")
def fleet_file(tmp_path_factory):
    """The file of four robots, three of which have a task with short episodes; monitor and policy learn twice."""
    shipped = ROOT / "launch/config"
    content = yaml.safe_load((shipped / "tabletop.yaml").read_text())
    content["robots"] |= {
        "contract": str(shipped / "robots/tabletop.yaml"),
        "count": 4,
        "tasks": ["close_drawer", "close_drawer", "close_drawer", "open_drawer"],
    }
    content["supervisors"]["count"] = 2
    content["policy"]["checkpoint"] = str(shipped / "policies/tabletop.safetensors")
    content["training"] |= {
        "demonstrations": str(shipped / "policies/tabletop_demonstrations.npz"),
        "update_ticks": list(DUE),
        "gradient_steps": 2,
    }
    monitor = content["monitors"]["firework"]
    monitor["checkpoint"] = str(shipped / "monitors/tabletop/monitor.safetensors")
    monitor["options"] = {"every": 2}
    path = tmp_path_factory.mktemp("fleet") / "learning.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def words(fleet_file):
    return "--fleet", str(fleet_file), "--monitor", "firework", "--ticks", str(TICKS), "--seed", str(SEED)


@pytest.fixture(scope="module")
def run(tmp_path_factory, fleet_file):
    ended = up(tmp_path_factory.mktemp("learning") / "run", *words(fleet_file), "--headless")
    assert ended.code == 0, ended.err
    return ended


def published(folder):
    """Values and versions of both signals, by tick."""
    streams = messages(folder / "bag", *(f"/fleet/signals/{name}" for name in SIGNALS))
    return {
        name: [(own.tick, own.version, own.values) for own in streams[f"/fleet/signals/{name}"]] for name in SIGNALS
    }


def test_versions_count_from_their_due_tick_on(run):
    expected = [1 + sum(due <= tick for due in DUE) for tick in range(TICKS)]
    for name in SIGNALS:
        assert [(tick, version) for tick, version, _ in published(run.folder)[name]] == list(enumerate(expected))
    versions = messages(run.folder / "bag", "/fleet/signal_version")["/fleet/signal_version"]
    assert [(own.provider, tuple(own.signals), own.version, own.due_tick) for own in versions] == [
        ("monitor", SIGNALS, number + 2, due) for number, due in enumerate(DUE)
    ]
    for own in versions:
        path = run.folder / FOLDER / f"version_{own.version:03d}.safetensors"
        assert (own.path, own.digest) == (str(path), file_digest(path))
    assert run.summary["policy_versions"] == [1, 2, 3]


def test_a_version_has_learned_from_its_round(run):
    config = read_fleet(run.folder / "fleet.yaml")
    before, _ = read_monitor(config.signals[0].checkpoint, config.contract())
    after, about = read_monitor(run.folder / FOLDER / "version_003.safetensors", config.contract())
    assert about.rounds == 3
    changed = {task for task in after.thresholds if after.thresholds[task] != before.thresholds[task]}
    assert changed
    assert changed <= set(config.tasks)


def test_a_killed_trainer_of_signals_resumes_and_the_same_round_gives_the_same_version(run, tmp_path, fleet_file):
    folder = tmp_path / "killed"
    with started(folder, *words(fleet_file)[:-4], "--seed", str(SEED)) as process:
        wait_for_file(folder / FOLDER / "version_002.safetensors")
        trainer = next(pid for pid, named in of_run(folder).items() if "signal_trainer_node" in named)
        os.kill(trainer, signal.SIGKILL)
        wait_for(process, "was restarted (restart 1)")
        wait_until(process, is_past_both_rounds, f"tick {DUE[1] + 5}")
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(TIMEOUT_S) == 0
    same = [file_digest(own / FOLDER / "version_002.safetensors") for own in (run.folder, folder)]
    assert same[0] == same[1]
    for name in SIGNALS:
        own, other = (published(each)[name] for each in (run.folder, folder))
        assert sorted({version for _, version, _ in other}) == [1, 2, 3]
        for one, again in zip(own[: DUE[1]], other[: DUE[1]], strict=True):
            assert one[:2] == again[:2]
            np.testing.assert_array_equal(one[2], again[2])


def is_past_both_rounds(line):
    return line.startswith("tick ") and int(line.split()[1]) >= DUE[1] + 5


def test_a_replay_serves_the_recorded_versions(run, tmp_path):
    replayed = tmp_path / "replayed"
    ended = fleet("replay", str(run.folder), "--report", str(replayed), cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    for name in SIGNALS:
        for one, other in zip(published(run.folder)[name], published(replayed)[name], strict=True):
            assert one[:2] == other[:2]
            np.testing.assert_allclose(one[2], other[2], rtol=1e-3)


def test_episodes_are_those_of_a_dataset_of_the_same_run(run, tmp_path):
    """The messages of the bag are handled as the trainer handles them, with rounds at other ticks."""
    build([run.folder], tmp_path / "set")
    config, recording = read_fleet(run.folder / "fleet.yaml"), read_recording(run.folder)
    index = {name: robot for robot, name in enumerate(config.robot_names)}
    steps = RobotSteps(config.robots.count)
    for tick, robot, image in recording.images():
        steps.add_observation(tick, robot, image)
    streams = messages(run.folder / "bag", "/fleet/states", "/fleet/actions", "/fleet/leases")
    for message in streams["/fleet/leases"]:
        steps.add_leases(lease_table_of(message), index)
    for message in streams["/fleet/states"]:
        steps.add_states(robot_states_of(message, config.contract(), index), index)
    for message in streams["/fleet/actions"]:
        for name, action in robot_actions_of(message, index).items():
            steps.add_action(index[name], action)
    learner = read_provider(config.signals[0], config).learner()
    assert all(steps.has_all_of(tick) for tick in range(TICKS))
    rounds = [0, 7, 33, TICKS]
    found = [one for ticks in pairwise(rounds) for one in learner.ended_episodes(steps.take_between(*ticks))]
    recorded = recorded_episodes([read_samples(tmp_path / "set")], config.contract())
    expected = [episode for episode in recorded if episode.events.end != "truncated"]
    assert len(expected) > config.robots.count
    assert [_content(one) for one in sorted(found, key=_first)] == [
        _content(one) for one in sorted(expected, key=_first)
    ]


def _first(episode):
    return episode.observations_F[0].tobytes()


def _content(episode):
    events = episode.events
    return (
        episode.task,
        events.end,
        events.human_T.tolist(),
        events.dismissed_T.tolist(),
        episode.observations_F.tobytes(),
    )


STILL = """
from fleet_learning.signal_provider import SignalDescription, SignalProvider


class Still(SignalProvider):
    observes = "state"
    signals = (SignalDescription("still", "1", 1.0),)

    @classmethod
    def read(cls, selection, options, fleet):
        return cls()
"""
"""A provider that cannot learn."""


def test_a_provider_that_cannot_learn_is_refused_before_any_process_starts(tmp_path, fleet_file, monkeypatch):
    content = yaml.safe_load(fleet_file.read_text())
    content["signals"] = [{"provider": "still:Still", "learns": True}]
    (tmp_path / "fleet.yaml").write_text(yaml.safe_dump(content))
    (tmp_path / "still.py").write_text(STILL)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    refused = fleet("up", "--fleet", "fleet.yaml", "--ticks", "3", "--report", "out", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr == "signals.learns: expected false with provider still:Still, which cannot learn, got true.\n"
    assert not (tmp_path / "out").exists()
