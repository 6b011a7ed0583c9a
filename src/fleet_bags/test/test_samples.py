"""A training set equals the recording row by row, or is not written at all."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_bag import MadeUpRun, RecordedMessage

from fleet_bags.build import build
from fleet_bags.recording import read_recording
from fleet_bags.samples import METADATA_FILE, read_samples
from fleet_contract.action import ActionKind, ActionSource
from fleet_contract.validation import InputError

RUN = MadeUpRun()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return [RUN.write(tmp_path_factory.mktemp("run")) for _ in range(2)]


@pytest.fixture(scope="module")
def samples(runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets") / "set"
    build(runs, folder)
    return read_samples(folder)


def assert_aligned(samples):
    """Assert that state, image, actions and outcome of every row are those of its robot and tick."""
    columns = samples.columns
    for row, (robot, tick) in enumerate(zip(columns["robots"].tolist(), columns["ticks"].tolist(), strict=True)):
        human = RUN.is_human(robot, tick)
        np.testing.assert_array_equal(columns["states"][row], RUN.state(robot, tick))
        np.testing.assert_array_equal(columns["images"][row], RUN.image(robot, tick))
        np.testing.assert_array_equal(columns["actions"][row], RUN.action(robot, tick) + (0.01 if human else 0.0))
        np.testing.assert_array_equal(columns["proposals"][row], RUN.action(robot, tick))
        assert columns["sources"][row] == (ActionSource.HUMAN if human else ActionSource.POLICY)
        assert columns["supervisors"][row] == (0 if human else -1)
        assert columns["succeeded"][row] == (tick == 4)
        assert columns["stamps_ns"][row] == (100 + tick) * 10**9


def test_every_row_equals_the_recording_of_its_robot_and_tick(samples):
    columns = samples.columns
    assert len(samples) == 2 * 2 * 12
    order = list(zip(columns["runs"].tolist(), columns["robots"].tolist(), columns["ticks"].tolist(), strict=True))
    assert order == [(run, robot, tick) for run in range(2) for robot in range(2) for tick in range(12)]
    assert_aligned(samples)
    assert (columns["kinds"] == ActionKind.MOVE).all()
    np.testing.assert_allclose(columns["uncertainties"], columns["robots"] + columns["ticks"] / 10)
    assert (columns["thresholds"] == 0.5).all()


def test_an_attempt_includes_its_interventions(samples):
    columns = samples.columns
    for attempt in np.unique(columns["attempts"]):
        rows = np.flatnonzero(columns["attempts"] == attempt)
        assert (np.diff(rows) == 1).all()
        assert columns["ticks"][rows].tolist() in ([0, 1, 2, 3, 4], [5, 6, 7, 8, 9, 10, 11])
        assert len({(columns["runs"][row], columns["robots"][row]) for row in rows}) == 1
    assert len(np.unique(columns["attempts"])) == 8


@pytest.mark.parametrize("stream", ["state", "camera"])
def test_training_pairs_are_what_humans_drove(samples, stream):
    pairs = samples.pairs(samples.columns["shown"], stream)
    assert len(pairs) == 6
    for row, (observed, action) in enumerate(zip(pairs.observations_B, pairs.actions_BA, strict=True)):
        tick = (4, 5, 6)[row % 3]
        shown = RUN.state(0, tick).astype(np.float32) if stream == "state" else RUN.image(0, tick)
        np.testing.assert_array_equal(observed, shown)
        np.testing.assert_array_equal(action, (RUN.action(0, tick) + 0.01).astype(np.float32))


@settings(max_examples=25)
@given(lost=st.sets(st.integers(0, 87), max_size=40), delays=st.randoms(use_true_random=False))
def test_no_row_is_misaligned_by_lost_or_late_messages(tmp_path_factory, lost, delays):
    """Messages are up to half a tick late, and some are lost."""
    folder = tmp_path_factory.mktemp("lossy")

    def spoil(messages: list[RecordedMessage]) -> list[RecordedMessage]:
        for message in messages:
            message.time_ns += delays.randint(0, 5 * 10**8)
        return sorted((m for i, m in enumerate(messages) if i not in lost), key=lambda message: message.time_ns)

    RUN.write(folder, spoil)
    metadata = build([folder], folder / "set")
    found = read_samples(folder / "set")
    recording = read_recording(folder)
    observed = sum(map(len, recording.observed_N))
    assert metadata.samples + metadata.left_out == observed
    columns = found.columns
    for row, (robot, tick) in enumerate(zip(columns["robots"].tolist(), columns["ticks"].tolist(), strict=True)):
        np.testing.assert_array_equal(columns["states"][row], RUN.state(robot, tick))
        np.testing.assert_array_equal(columns["images"][row], RUN.image(robot, tick))
        if columns["kinds"][row] == ActionKind.MOVE:
            human = RUN.is_human(robot, tick)
            np.testing.assert_array_equal(columns["actions"][row], RUN.action(robot, tick) + (0.01 if human else 0.0))
        else:
            assert columns["sources"][row] == ActionSource.NOBODY
            assert np.isnan(columns["actions"][row]).all()


def test_runs_of_different_robots_do_not_become_one_set(runs, tmp_path):
    other = MadeUpRun()
    quantity = other.contract.action.quantities[0].model_copy(update={"high": 0.2})
    action = other.contract.action.model_copy(update={"quantities": (quantity, *other.contract.action.quantities[1:])})
    other.contract = other.contract.model_copy(update={"action": action})
    with pytest.raises(InputError, match=r"bag: contract: expected \w+ \(robot push_cell: .+\), got \w+"):
        build([runs[0], other.write(tmp_path)], tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_no_partial_set_is_left_after_an_error(tmp_path):
    def spoil(messages: list[RecordedMessage]) -> list[RecordedMessage]:
        image = [message for message in messages if message.topic.endswith("image_raw")][20]
        image.fields["encoding"] = "mono8"
        return messages

    run = RUN.write(tmp_path, spoil)
    with pytest.raises(InputError, match="image_raw"):
        build([run], tmp_path / "set")
    assert [path.name for path in tmp_path.iterdir()] == ["bag"]


def test_an_existing_folder_is_not_overwritten(runs, tmp_path):
    with pytest.raises(InputError, match="expected the path of a new folder, got one that exists already"):
        build(runs, tmp_path)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda folder: (folder / METADATA_FILE).unlink(), f"{METADATA_FILE} is missing, expected a folder"),
        (lambda folder: (folder / "states.npy").unlink(), "states.npy: expected a complete array"),
        (lambda folder: (folder / "states.npy").write_bytes(b"\x93NUMPY"), "states.npy: expected a complete array"),
        (
            lambda folder: np.save(folder / "states.npy", np.zeros((3, 6))),
            r"states.npy: expected float64 values of shape .+, got float64 of \(3, 6\)",
        ),
        (
            lambda folder: np.save(folder / "ticks.npy", np.zeros(24)),
            r"ticks.npy: expected int64 values of shape .+, got float64",
        ),
    ],
)
def test_a_damaged_set_is_refused(runs, tmp_path, spoil, sentence):
    build(runs[:1], tmp_path / "set")
    spoil(tmp_path / "set")
    with pytest.raises(InputError, match=sentence):
        read_samples(tmp_path / "set")


def test_a_set_of_a_later_format_is_refused(runs, tmp_path):
    build(runs[:1], tmp_path / "set")
    metadata = json.loads((tmp_path / "set" / METADATA_FILE).read_text())
    (tmp_path / "set" / METADATA_FILE).write_text(json.dumps(metadata | {"format": "fleet-samples-9"}))
    with pytest.raises(InputError, match="format: expected 'fleet-samples-1', got 'fleet-samples-9'"):
        read_samples(tmp_path / "set")
