"""Demonstrations are split by whole episodes, and files with other content are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_contract.validation import InputError
from fleet_experiments.offline.recordings import read_demonstrations


def write(path, lengths, dims=(3, 2), **changes):
    """Write episodes of these lengths; every observation holds its episode and step."""
    episodes = np.repeat(np.arange(len(lengths)), lengths)
    steps = np.concatenate([np.arange(length) for length in lengths])
    observations = np.zeros((len(steps), dims[0]))
    observations[:, :2] = np.stack([episodes, steps], 1)
    dones = np.zeros(len(steps), bool)
    dones[np.cumsum(lengths)[:-1] - 1] = True  # the last episode may have been cut off
    arrays = {"observations": observations, "actions": np.ones((len(steps), dims[1])), "dones": dones} | changes
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


@given(lengths=st.lists(st.integers(1, 9), min_size=2, max_size=12), seed=st.integers(0, 99))
def test_no_episode_is_on_both_sides(tmp_path_factory, lengths, seed):
    recording = read_demonstrations([write(tmp_path_factory.getbasetemp() / "episodes.npz", lengths)])
    training, held_out = recording.split(0.2, seed)
    assert len(training) + len(held_out) == sum(lengths)
    one, other = (set(part.observations_B[:, 0].tolist()) for part in (training, held_out))
    assert not one & other
    assert len(other) == max(1, round(0.2 * len(lengths)))


def test_files_are_concatenated_and_episodes_stay_separate(tmp_path):
    recording = read_demonstrations([write(tmp_path / "a.npz", [2, 3]), write(tmp_path / "b.npz", [1, 4])])
    assert recording.episodes_B.tolist() == [0, 0, 1, 1, 1, 2, 3, 3, 3, 3]
    assert recording.dataset.observations_B[:, 1].tolist() == [0, 1, 0, 1, 2, 0, 0, 1, 2, 3]


def test_one_episode_cannot_be_split(tmp_path):
    with pytest.raises(ValueError, match="expected at least two episodes to split, got one"):
        read_demonstrations([write(tmp_path / "a.npz", [5])]).split(0.2, 0)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"dones": None}, "expected a .npz file with the arrays observations, actions, dones"),
        ({"actions": np.ones((4, 2))}, r"expected arrays of shapes \(B, S\), \(B, A\) and \(B,\), got"),
        ({"actions": np.ones(5)}, r"expected arrays of shapes \(B, S\), \(B, A\) and \(B,\), got"),
        ({"actions": np.full((5, 2), np.nan)}, "not finite"),
        ({"actions": np.array([object()] * 5)}, "expected a .npz file with the arrays"),
    ],
)
def test_other_content_is_refused(tmp_path, changes, sentence):
    path = write(tmp_path / "a.npz", [2, 3], **changes)
    with pytest.raises(InputError, match=f"a.npz: .*{sentence}"):
        read_demonstrations([path])


def test_missing_and_unequal_files_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"none\.npz: there is no such file"):
        read_demonstrations([tmp_path / "none.npz"])
    files = [write(tmp_path / "a.npz", [2, 3]), write(tmp_path / "b.npz", [2], dims=(3, 4))]
    with pytest.raises(InputError, match=r"b\.npz: expected 3 observation and 2 action values, as in .+, got 3 and 4"):
        read_demonstrations(files)


def test_an_orientation_is_its_matrix_whatever_the_sign_of_the_quaternion(tmp_path):
    half = np.sqrt(0.5)
    quarter_turn_about_z = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    states = np.array([[7, 0, 0, half, half, 8], [7, 0, 0, -half, -half, 8], [7, 0, 0, 0, 0, 8]])
    path = write(tmp_path / "a.npz", [3], observations=states)
    found = read_demonstrations([path]).with_rotation_matrices([1]).dataset.observations_B
    for row, matrix in zip(found, [quarter_turn_about_z, quarter_turn_about_z, np.eye(3)], strict=True):
        np.testing.assert_allclose(row, [7, *np.ravel(matrix), 8], atol=1e-6)


def test_two_orientations_are_converted_in_place(tmp_path):
    states = np.tile([0, 0, 0, 1, 5, 0, 0, 0, 1, 6], (2, 1))
    found = read_demonstrations([write(tmp_path / "a.npz", [2], observations=states)]).with_rotation_matrices([0, 5])
    np.testing.assert_array_equal(found.dataset.observations_B[0], [*np.eye(3).ravel(), 5, *np.eye(3).ravel(), 6])


@pytest.mark.parametrize("place", [0, 3, 9])
def test_an_index_without_a_quaternion_is_refused(tmp_path, place):
    states = np.tile([2, 0, 0, 0, 1], (2, 1))
    recording = read_demonstrations([write(tmp_path / "a.npz", [2], observations=states)])
    with pytest.raises(InputError, match=rf"--rotation: expected an index .+ unit quaternion, got {place}\."):
        recording.with_rotation_matrices([place])
