"""Monitors are read as they were written, calibrated per task, and follow a fleet as they judge recordings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from moving_dot import CONFIG, CONTEXT, HORIZON, PIXELS, angles, images

from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError
from fleet_learning.labels import LEAD, EpisodeEvents
from fleet_monitor.episode import Episode
from fleet_monitor.foresight import foresee
from fleet_monitor.monitor import DETECTORS, help_ratios, new_monitor, read_monitor, write_monitor
from fleet_monitor.thresholds import ConformalBand, FixedPercentile
from fleet_monitor.watch import Watch
from fleet_monitor.world_model import new_world_model, read_world_model, write_world_model

pytestmark = pytest.mark.slow

TASKS = ("near", "far")
KINDS = tuple(DETECTORS)


def contract(**changed):
    content = {
        "robot": "dot",
        "rate_hz": 10.0,
        "observation": {
            "state": {
                "topic": "observation",
                "type": "fleet_interfaces/msg/Observation",
                "field": "values",
                "quantities": [{"name": "angle", "unit": "rad", "low": -4.0, "high": 4.0}],
                "align": {"rule": "tick", "timeline": "header"},
            },
            "camera": {
                "topic": "camera/image_raw",
                "type": "sensor_msgs/msg/Image",
                "width": PIXELS,
                "height": PIXELS,
                "encoding": "rgb8",
                "align": {"rule": "tick", "timeline": "header"},
            },
        },
        "action": {
            "topic": "action",
            "type": "fleet_interfaces/msg/RobotAction",
            "field": "values",
            "meaning": "twist",
            "quantities": [{"name": "turn", "unit": "rad/s", "low": -1.0, "high": 1.0}],
            "hold": "stay",
        },
        "violation": {"topic": "status", "type": "fleet_interfaces/msg/RobotStatus", "field": "violated"},
        "success": {"topic": "status", "type": "fleet_interfaces/msg/RobotStatus", "field": "succeeded"},
    }
    return RobotContract.model_validate(content | changed)


def recorded(seed, count=12, frames=24):
    """Episodes of both tasks in turn; every third one fails."""
    generator = np.random.default_rng(seed)
    calm = np.zeros(frames, bool)
    return [
        Episode(
            TASKS[number % 2],
            images(angles(frames, generator)),
            EpisodeEvents(calm, calm, "failure" if number % 3 == 0 else "success"),
        )
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def model_file(world_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "world.safetensors"
    write_world_model(path, world_model, contract())
    return path


@pytest.fixture(scope="module")
def model(model_file):
    """The world model as monitors use it, after the rounding of its file."""
    return read_world_model(model_file, contract())


@pytest.fixture(scope="module")
def monitor(model):
    generator = torch.Generator().manual_seed(0)
    learned, held_back = (foresee(model[0], recorded(seed), generator) for seed in (1, 2))
    fitted = new_monitor(model[0], KINDS, seed=0).fitted(learned, seed=0)
    rules = dict.fromkeys(KINDS, FixedPercentile(90))
    return fitted.calibrated(held_back, rules, help_ratios(learned))


@pytest.fixture
def written(monitor, model, model_file):
    path = model_file.with_name("monitor.safetensors")
    write_monitor(path, monitor, contract(), world_model=model[1], world_model_file=model_file.name, rounds=1)
    return path


def test_a_written_monitor_is_read_as_it_was(monitor, written, model):
    read, about = read_monitor(written, contract())
    assert read.kinds == KINDS
    assert read.thresholds == monitor.thresholds
    assert about.rounds == 1
    foreseen = foresee(model[0], recorded(5, count=2), torch.Generator().manual_seed(1))
    for one in foreseen:
        for before, after in zip(monitor.detectors, read.detectors, strict=True):
            np.testing.assert_array_equal(before.scores(one.foresight), after.scores(one.foresight))


def test_detectors_differ_in_what_they_score(monitor, model):
    one = foresee(model[0], recorded(5, count=1), torch.Generator().manual_seed(1))[0]
    scores = [detector.scores(one.foresight) for detector in monitor.detectors]
    assert all(np.isfinite(own).all() and own.std() > 0 for own in scores)
    assert np.abs(np.corrcoef(scores) - np.eye(len(KINDS))).max() < 0.95


def test_thresholds_are_percentiles_of_episodes_that_succeeded(monitor, model):
    held_back = foresee(model[0], recorded(2), torch.Generator().manual_seed(7))
    rules = dict.fromkeys(KINDS, FixedPercentile(90))
    chosen = monitor.calibrated(held_back, rules, help_ratios(held_back)).thresholds
    for task in TASKS:
        for detector in monitor.detectors:
            own = [
                monitor.voted(detector, one)
                for one in held_back
                if one.episode.task == task and one.episode.events.end == "success"
            ]
            seen = np.concatenate(own)
            assert chosen[task][detector.kind] == pytest.approx(np.nanpercentile(seen, 90))


def test_a_band_that_needs_more_episodes_is_refused(monitor, model):
    held_back = foresee(model[0], recorded(2), torch.Generator().manual_seed(7))
    rules = dict.fromkeys(KINDS, ConformalBand(0.1))
    with pytest.raises(
        InputError, match=r"^failure: task near: scores: expected at least 9 successful episodes .* got 4\.$"
    ):
        monitor.calibrated(held_back, rules, help_ratios(held_back))


def test_a_task_that_never_fails_cannot_be_learned(model):
    calm = [replace(one, events=replace(one.events, end="success")) for one in recorded(1)]
    foreseen = foresee(model[0], calm, torch.Generator().manual_seed(0))
    with pytest.raises(InputError, match=r"^failure: task near: expected at least 10 frames before .*, got 0\.$"):
        new_monitor(model[0], ("failure",), seed=0).fitted(foreseen, seed=0)


def test_what_has_been_learned_outlasts_a_round_without_failures(monitor, model):
    calm = [replace(one, events=replace(one.events, end="success")) for one in recorded(3)]
    foreseen = foresee(model[0], calm, torch.Generator().manual_seed(0))
    again = monitor.only(("failure",)).fitted(foreseen, seed=0)
    assert again.detectors[0].tensors().keys() == monitor.detectors[0].tensors().keys()
    for name, tensor in monitor.detectors[0].tensors().items():
        assert torch.equal(again.detectors[0].tensors()[name], tensor)


def test_without_any_success_the_frames_before_the_failures_count(monitor, model):
    failed = [replace(one, events=replace(one.events, end="failure")) for one in recorded(2)]
    foreseen = foresee(model[0], failed, torch.Generator().manual_seed(7))
    chosen = monitor.calibrated(foreseen, dict.fromkeys(KINDS, FixedPercentile(90)), help_ratios(foreseen)).thresholds
    detector = monitor.only(("spread",)).detectors[0]
    before = [monitor.voted(detector, one)[:-LEAD] for one in foreseen if one.episode.task == "near"]
    assert chosen["near"]["spread"] == pytest.approx(np.nanpercentile(np.concatenate(before), 90))


@pytest.mark.parametrize("every", [1, 2])
def test_the_watch_scores_frames_as_recordings_are_scored(monitor, model, every):
    """Reconstruction errors do not depend on the noise of the futures."""
    seen = recorded(8, count=4)
    watch = Watch(monitor.only(("reconstruction",)), TASKS * 2, every=every)
    detector = monitor.only(("reconstruction",)).detectors[0]
    # Robot 1 is unreachable at some ticks; robots 2 and 3 begin another episode in the middle.
    order = {robot: [(seen[robot], frame) for frame in range(24)] for robot in range(4)}
    for robot in (2, 3):
        order[robot] = order[robot][:10] + [(seen[robot - 2], frame) for frame in range(14)]
    found = {robot: [] for robot in order}
    for tick in range(24):
        robots = [robot for robot in order if robot != 1 or tick >= 4]
        frames = {robot: order[robot][tick - (4 if robot == 1 else 0)] for robot in robots}
        episodes = np.array([int(robot >= 2 and tick >= 10) for robot in robots])
        pictures = np.stack([episode.observations_F[frame] for episode, frame in frames.values()])
        values = watch.update(tick, robots, episodes, pictures)["reconstruction"]
        for robot, value in zip(robots, values, strict=True):
            found[robot].append(value)
    for robot, values in found.items():
        task = TASKS[robot % 2]
        parts = (
            [seen[robot].observations_F]
            if robot < 2
            else [seen[robot].observations_F[:10], seen[robot - 2].observations_F[:14]]
        )
        expected = []
        for own in parts:
            scored = foresee(model[0], [Episode(task, own, seen[robot].events)], torch.Generator())[0]
            expected.append(scored.over_frames(detector.scores(scored.foresight)))
        expected = np.concatenate(expected)[: len(values)] / monitor.thresholds[task]["reconstruction"]
        due = [(robot + tick) % every == 0 for tick in range(24 - len(values), 24)]
        np.testing.assert_allclose(np.array(values)[due], expected[due], rtol=1e-4)


def test_a_film_shows_the_imagined_frames(monitor):
    watch, seen = Watch(monitor, TASKS), recorded(9, count=2)
    assert watch.film(0, 3) is None
    for frame in range(CONTEXT):
        watch.update(frame, [0, 1], np.zeros(2, np.int64), np.stack([own.observations_F[frame] for own in seen]))
    film = watch.film(1, 3)
    assert film.shape == (3 * PIXELS, HORIZON * PIXELS, 3)
    assert film.dtype == np.uint8
    assert film.std() > 10


def test_a_task_without_thresholds_is_refused(monitor):
    with pytest.raises(InputError, match=r"^monitor: tasks: expected one of near, far, got middle\.$"):
        Watch(monitor, ("near", "middle"))


def test_another_contract_is_refused(written):
    with pytest.raises(InputError, match=r"monitor\.safetensors"):
        read_monitor(written, contract(rate_hz=20.0, robot="other"))


def test_a_monitor_of_another_world_model_is_refused(written, monitor, model_file):
    other = model_file.with_name("other.safetensors")
    write_world_model(other, new_world_model(CONFIG, seed=4), contract())
    write_monitor(written, monitor, contract(), world_model="abc", world_model_file=other.name, rounds=1)
    with pytest.raises(InputError, match=r"monitor\.safetensors: world_model: expected .*, which imagines, got abc\.$"):
        read_monitor(written, contract())


def test_a_monitor_without_its_world_model_is_refused(written, monitor):
    write_monitor(written, monitor, contract(), world_model="abc", world_model_file="gone", rounds=1)
    with pytest.raises(InputError, match="gone: there is no such"):
        read_monitor(written, contract())


@pytest.mark.parametrize("kind", ["failure", "novelty", "distillation"])
def test_a_detector_with_other_tensors_is_refused(written, monitor, model, model_file, kind, monkeypatch):
    detector = monitor.only((kind,)).detectors[0]
    monkeypatch.setattr(type(detector), "tensors", lambda _: {"mean": torch.zeros(3)})
    write_monitor(
        written, monitor.only((kind,)), contract(), world_model=model[1], world_model_file=model_file.name, rounds=1
    )
    monkeypatch.undo()
    with pytest.raises(InputError, match=rf"{kind}: expected the tensors of its config, got others\.$"):
        read_monitor(written, contract())


def test_an_unknown_detector_is_refused(model):
    with pytest.raises(InputError, match=r"^detectors: expected some of failure, .*, got foresight\.$"):
        new_monitor(model[0], ("foresight",), seed=0)
