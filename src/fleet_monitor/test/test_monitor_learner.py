"""A monitor's learner makes versions of what robots do, and a monitor at work takes them over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_monitor_signals import CONTRACT, FLEET, KINDS, TINY, selection, write

from fleet_contract.action import ActionKind
from fleet_contract.validation import InputError
from fleet_learning.robot_steps import RobotStep
from fleet_learning.signal_provider import Snapshot, read_provider
from fleet_learning.tensor_file import file_digest
from fleet_monitor.monitor import read_monitor, write_monitor
from fleet_monitor.world_model import new_world_model, read_world_model, write_world_model

MOVE, HOLD = ActionKind.MOVE, ActionKind.HOLD


def step(
    tick, *, robot=0, episode=0, kind=MOVE, human=False, violated=False, succeeded=False, broken=False, over=False
):
    image = np.full((64, 64, 3), tick % 256, np.uint8) if kind is MOVE else None
    return RobotStep(robot, tick, episode, kind, human, image, violated, succeeded, broken, over)


@pytest.fixture
def learner(tmp_path):
    return read_provider(selection(write(tmp_path)), FLEET).learner()


def frames(episodes):
    return [(one.task, one.events.end, one.observations_F[:, 0, 0, 0].tolist()) for one in episodes]


def test_episodes_end_in_success_in_failure_and_at_their_time_limit(learner):
    found = learner.ended_episodes(
        [
            step(0),
            step(1, human=True),
            step(2, succeeded=True, over=True),
            step(3, episode=1),
            step(4, episode=1, broken=True),
            step(5, episode=1, kind=HOLD, violated=True),
            step(6, episode=1, kind=ActionKind.HARD_RESET, violated=True),
            step(7, episode=2),
            step(8, episode=2, over=True),
            step(9, episode=3),
            step(0, robot=1, broken=True),
        ]
    )
    assert frames(found) == [
        ("push_block", "success", [0, 1, 2]),
        ("push_block", "failure", [3, 4]),
        ("push_block", "failure", [7, 8]),
        ("push_disc", "failure", [0]),
    ]
    assert found[0].events.human_T.tolist() == [False, True, False]


def test_an_episode_continues_in_the_next_round(learner):
    assert learner.ended_episodes([step(0), step(1)]) == []
    found = learner.ended_episodes([step(2), step(3, succeeded=True, over=True), step(4, episode=1)])
    assert frames(found) == [("push_block", "success", [0, 1, 2, 3])]
    assert frames(learner.ended_episodes([step(5, episode=2)])) == [("push_block", "failure", [4])]


def a_round(robots=2, first=0):
    """Steps of two successful episodes of each robot."""
    return [
        step(first + tick, robot=robot, episode=tick // 30, succeeded=tick % 30 == 29, over=tick % 30 == 29)
        for robot in range(robots)
        for tick in range(60)
    ]


def test_versions_are_files_of_their_own_beside_their_world_model(learner, tmp_path):
    folder = tmp_path / "versions"
    folder.mkdir()
    advanced = []
    path = folder / "version_002.safetensors"
    digest = learner.learn(a_round(), path, seed=3, advance=advanced.append)
    assert digest == file_digest(path)
    monitor, about = read_monitor(path, CONTRACT, digest=digest)
    before, _ = read_monitor(tmp_path / "monitor.safetensors", CONTRACT)
    assert about.rounds == 2
    assert monitor.kinds == KINDS
    # Two of the tasks have had episodes.
    changed = {task for task, own in monitor.thresholds.items() if own != before.thresholds[task]}
    assert changed == {"push_block", "push_disc"}
    assert any(advanced)
    assert not list(folder.glob("*.partial"))
    learner.learn([], folder / "version_003.safetensors", seed=4, advance=advanced.append)
    again, about = read_monitor(folder / "version_003.safetensors", CONTRACT)
    assert (about.rounds, again.thresholds) == (3, monitor.thresholds)


def test_thresholds_are_the_percentile_of_the_options(tmp_path):
    path, found = write(tmp_path), {}
    for percentile in (50, 95):
        learner = read_provider(selection(path, percentile=percentile), FLEET).learner()
        learner.learn(a_round(), tmp_path / f"at {percentile}", seed=3, advance=lambda _: None)
        found[percentile] = read_monitor(tmp_path / f"at {percentile}", CONTRACT)[0].thresholds["push_block"]
    assert all(found[50][kind] < found[95][kind] for kind in KINDS)


def test_a_restarted_learner_learns_from_the_newest_version_what_the_first_would_have_learned(learner, tmp_path):
    for version in (2, 3):
        learner.learn(a_round(first=60 * version), tmp_path / f"v{version}", seed=version, advance=lambda _: None)
    restarted = read_provider(selection(tmp_path / "v2"), FLEET).learner()
    restarted.learn(a_round(first=180), tmp_path / "again", seed=3, advance=lambda _: None)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "v3").read_bytes()


def test_a_version_that_has_been_written_is_not_learned_again(learner, tmp_path):
    """A learner of an interrupted run goes through the rounds that have been learned, and then continues as the first one did."""
    rounds = [a_round(first=60 * version) for version in range(3)]
    paths = [tmp_path / f"v{version}" for version in range(3)]
    digests = [
        learner.learn(steps, path, seed=version, advance=lambda _: None)
        for version, (steps, path) in enumerate(zip(rounds, paths, strict=True))
    ]
    paths[2].unlink()
    resumed = read_provider(selection(tmp_path / "monitor.safetensors"), FLEET).learner()
    for version, (steps, path) in enumerate(zip(rounds, paths, strict=True)):
        advanced = []
        assert resumed.learn(steps, path, seed=version, advance=advanced.append) == digests[version]
        assert bool(advanced) == (version == 2)


def test_episodes_of_which_there_are_too_few_wait_for_the_next_round(learner, tmp_path):
    halves = a_round(robots=1)[:30], a_round(robots=1)[30:]
    thresholds = []
    for number, half in enumerate(halves):
        learner.learn(half, tmp_path / f"v{number}", seed=3, advance=lambda _: None)
        thresholds.append(read_monitor(tmp_path / f"v{number}", CONTRACT)[0].thresholds["push_block"])
    assert thresholds[0] == dict.fromkeys(KINDS, 0.25) != thresholds[1]


def values(provider, tick):
    images = np.random.default_rng(tick).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    return provider.values(Snapshot(tick, [0, 1], np.zeros(2, np.int64), images, np.zeros((2, 2))))


def test_a_version_counts_from_the_next_tick_on_with_the_frames_before(tmp_path):
    path = write(tmp_path)
    provider, unchanged = (read_provider(selection(path, names=("reconstruction",)), FLEET) for _ in range(2))
    monitor, about = read_monitor(path, CONTRACT)
    halved = replace(monitor, thresholds={task: dict.fromkeys(KINDS, 0.125) for task in monitor.thresholds})
    digest = write_monitor(
        tmp_path / "v2", halved, CONTRACT, world_model=about.world_model, world_model_file="world.safetensors", rounds=2
    )
    for tick in range(8):
        if tick == 5:
            provider.update(tmp_path / "v2", digest)
        own, other = (values(one, tick)["reconstruction"] for one in (provider, unchanged))
        np.testing.assert_allclose(own, other * (2 if tick >= 5 else 1))
        assert np.isnan(own).all() == (tick < 2)


def truncated(path, folder):
    (folder / "v2").write_bytes(path.read_bytes()[:-100])
    return file_digest(folder / "v2"), "v2: expected a checkpoint"


def another(path, folder):
    (folder / "v2").write_bytes(path.read_bytes())
    return "0" * 64, "v2: expected the file with sha256 000000"


def of_another_world_model(path, folder):
    write_world_model(folder / "other", new_world_model(TINY, seed=7), CONTRACT)
    _, other = read_world_model(folder / "other", CONTRACT)
    monitor, _ = read_monitor(path, CONTRACT)
    digest = write_monitor(folder / "v2", monitor, CONTRACT, world_model=other, world_model_file="other", rounds=2)
    return digest, r"v2: world_model: expected \w+, which imagines, got"


def of_another_contract(path, folder):
    monitor, about = read_monitor(path, CONTRACT)
    other = CONTRACT.model_copy(update={"robot": "other"})
    file = "world.safetensors"
    digest = write_monitor(
        folder / "v2", monitor, other, world_model=about.world_model, world_model_file=file, rounds=2
    )
    return digest, "v2: contract: expected"


@pytest.mark.parametrize("made", [truncated, another, of_another_world_model, of_another_contract])
def test_a_version_that_cannot_be_used_changes_nothing(tmp_path, made):
    path = write(tmp_path)
    provider, unchanged = (read_provider(selection(path), FLEET) for _ in range(2))
    digest, sentence = made(path, tmp_path)
    for tick in range(4):
        values(provider, tick), values(unchanged, tick)
    with pytest.raises(InputError, match=sentence):
        provider.update(tmp_path / "v2", digest)
    found, expected = values(provider, 4), values(unchanged, 4)
    for kind in KINDS:
        np.testing.assert_array_equal(found[kind], expected[kind])
