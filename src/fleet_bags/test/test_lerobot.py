"""A LeRobotDataset equals its training set frame by frame, for lerobot and for other readers of its files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pyarrow import parquet
from run_bag import MadeUpRun, RecordedMessage

from fleet_bags.build import build
from fleet_bags.lerobot.export import LONGEST_S, export
from fleet_bags.lerobot.reading import is_lerobot, read_lerobot
from fleet_bags.lerobot.statistics import QUANTILES, levels_of, of_images, of_numbers
from fleet_bags.samples import Samples, read_samples
from fleet_contract.action import ActionKind
from fleet_contract.validation import InputError

RUN = MadeUpRun(robots=3, ticks=20)
CAMERA = "observation.images.camera"
MOST_OFF = 2
"""Largest difference of a pixel's channel, of 255, from rounding to YUV and back."""
PYTHON = os.environ.get("FLEET_LEROBOT_PYTHON")


def lose_some(messages: list[RecordedMessage]) -> list[RecordedMessage]:
    """Remove the released actions of some ticks, as if the robots had held."""
    return [m for m in messages if not (m.topic == "/fleet/actions" and m.fields["tick"] in {2, 7, 8})]


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> Samples:
    folder = tmp_path_factory.mktemp("made_up")
    build([RUN.write(folder / "one", lose_some), RUN.write(folder / "two")], folder / "set")
    return read_samples(folder / "set")


@pytest.fixture(scope="module")
def exported(samples, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("exports") / "export"
    export(samples, folder)
    return folder


def expected_rows(samples: Samples) -> list[int]:
    """Return the samples whose robot moved and whose outcome is known; attempts are in order already."""
    kinds, rewards = samples.columns["kinds"], samples.columns["rewards"]
    return [row for row in range(len(samples)) if kinds[row] == ActionKind.MOVE and not np.isnan(rewards[row])]


def assert_images(found: np.ndarray, samples: Samples, rows: list[int]) -> None:
    """Assert that each image is that of its own row and not of a neighbouring row."""
    wanted = samples.columns["images"][rows].astype(int)
    off = np.abs(found.astype(int) - wanted)
    assert off.max() <= MOST_OFF
    assert off.mean() < 1.0
    assert (np.abs(wanted[1:] - wanted[:-1]).mean(axis=(1, 2, 3)) > 10 * MOST_OFF).all(), "a shift would not be seen"


def test_every_row_equals_its_sample(samples, exported):
    rows, columns = expected_rows(samples), samples.columns
    assert 0 < len(rows) < len(samples)
    table = parquet.read_table(exported / "data/chunk-000/file-000.parquet").to_pydict()
    taken = {
        "observation.state": columns["states"], "action": columns["actions"], "intervention": columns["shown"],
        "source": columns["sources"], "policy_version": columns["versions"], "uncertainty": columns["uncertainties"],
        "violated": columns["violated"], "tick": columns["ticks"], "next.reward": columns["rewards"],
        "next.success": columns["succeeded"],
    }  # fmt: skip
    for name, column in taken.items():
        np.testing.assert_array_equal(np.float32(table[name]), column[rows].astype(np.float32), err_msg=name)
    assert any(table["intervention"])
    assert table["index"] == list(range(len(rows)))
    attempts = columns["attempts"][rows]
    assert table["episode_index"] == np.unique(attempts, return_inverse=True)[1].tolist()
    first = {episode: table["episode_index"].index(episode) for episode in set(table["episode_index"])}
    for index, episode in enumerate(table["episode_index"]):
        frame = index - first[episode]
        assert table["frame_index"][index] == frame
        assert table["timestamp"][index] == np.float32(frame / 2.0), "the contract's two ticks per second"
        is_last = index + 1 == len(rows) or table["episode_index"][index + 1] != episode
        assert table["next.done"][index] == is_last


def test_the_video_has_the_image_of_every_row(samples, exported):
    rows = expected_rows(samples)
    episodes = parquet.read_table(exported / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    with av.open(exported / f"videos/{CAMERA}/chunk-000/file-000.mp4") as container:
        frames = {round(float(frame.time), 6): frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)}
    assert len(frames) == len(rows)
    found = [
        frames[round(episode[f"videos/{CAMERA}/from_timestamp"] + frame / 2.0, 6)]
        for episode in episodes
        for frame in range(episode["length"])
    ]
    assert_images(np.stack(found), samples, rows)


def test_the_metadata_of_the_data_set_is_correct(samples, exported):
    rows, contract = expected_rows(samples), samples.metadata.contract
    info = json.loads((exported / "meta/info.json").read_text())
    assert (info["codebase_version"], info["robot_type"], info["fps"]) == ("v3.0", "push_cell", 2)
    episodes = parquet.read_table(exported / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert (info["total_frames"], info["total_episodes"], info["total_tasks"]) == (len(rows), len(episodes), 1)
    assert parquet.read_table(exported / "meta/tasks.parquet").to_pylist() == [{"task_index": 0, "task": "block_push"}]
    features = info["features"]
    assert features["action"]["names"] == [quantity.name for quantity in contract.action.quantities]
    assert features[CAMERA]["shape"] == [96, 96, 3]
    stats = json.loads((exported / "meta/stats.json").read_text())
    assert set(stats) == set(features)
    images = samples.columns["images"][rows] / 255
    np.testing.assert_allclose(np.ravel(stats[CAMERA]["mean"]), images.mean(axis=(0, 1, 2)))
    np.testing.assert_allclose(np.ravel(stats[CAMERA]["std"]), images.std(axis=(0, 1, 2)))
    for episode in episodes:
        own = [rows[index] for index in range(episode["dataset_from_index"], episode["dataset_to_index"])]
        assert (len(own), episode["tasks"]) == (episode["length"], ["block_push"])
        mean = samples.columns["actions"][own].astype(np.float32).astype(float).mean(axis=0)
        np.testing.assert_allclose(episode["stats/action/mean"], mean)
        np.testing.assert_allclose(
            np.ravel(episode[f"stats/{CAMERA}/mean"]), samples.columns["images"][own].mean(axis=(0, 1, 2)) / 255
        )


@given(arrays(np.uint8, st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 5), st.just(3))))
def test_statistics_of_images_equal_those_of_their_pixels(images):
    found = of_images(sum(levels_of(image) for image in images), len(images))
    pixels = images.reshape(-1, 3) / 255
    wanted = {"min": pixels.min(0), "max": pixels.max(0), "mean": pixels.mean(0), "std": pixels.std(0)}
    wanted |= {name: np.quantile(pixels, q, axis=0, method="inverted_cdf") for name, q in QUANTILES.items()}
    assert found.pop("count") == [len(images)]
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        np.testing.assert_allclose(np.array(found[name])[:, 0, 0], values, atol=1e-9, err_msg=name)


def test_an_episode_without_a_feature_has_a_count_of_zero():
    whole = of_numbers(np.array([[1.0], [3.0], [np.nan]]))
    assert (whole["mean"], whole["count"]) == ([2.0], [2])
    assert of_numbers(np.full((4, 1), np.nan), whole) == whole | {"count": [0]}


def test_long_sets_are_split_into_several_videos(samples, tmp_path):
    """At one tick in ten seconds a file holds a hundred frames; no file is too long for single precision, and no episode is split."""
    slow = replace(samples, metadata=samples.metadata.model_copy(
        update={"contract": samples.metadata.contract.model_copy(update={"rate_hz": 0.1})}
    ))  # fmt: skip
    export(slow, tmp_path / "export")
    episodes = parquet.read_table(tmp_path / "export/meta/episodes/chunk-000/file-000.parquet").to_pylist()
    files = [episode[f"videos/{CAMERA}/file_index"] for episode in episodes]
    assert sorted(set(files)) == [0, 1]
    assert max(episode[f"videos/{CAMERA}/to_timestamp"] for episode in episodes) <= LONGEST_S
    found = read_lerobot(tmp_path / "export", slow.metadata.contract).columns["images"]
    assert_images(found, samples, expected_rows(samples))


@pytest.mark.parametrize("encoding", ["bgr8", "mono8"])
def test_images_of_other_encodings_survive_a_round_trip(samples, tmp_path, encoding):
    contract = samples.metadata.contract
    camera = contract.require_camera().model_copy(update={"encoding": encoding})
    observation = contract.observation.model_copy(update={"camera": camera})
    contract = contract.model_copy(update={"observation": observation})
    channels = slice(0, 1) if encoding == "mono8" else slice(None)
    columns = {**samples.columns, "images": samples.columns["images"][..., channels]}
    other = Samples(samples.metadata.model_copy(update={"contract": contract}), columns)
    export(other, tmp_path / "export")
    assert_images(read_lerobot(tmp_path / "export", contract).columns["images"], other, expected_rows(other))


@pytest.mark.parametrize("stream", ["state", "camera"])
def test_human_demonstrations_survive_a_round_trip(samples, exported, stream):
    assert is_lerobot(exported)
    back = read_lerobot(exported, samples.metadata.contract)
    wanted, found = (of.pairs(of.columns["shown"], stream) for of in (samples, back))
    assert len(found) == len(wanted) > 0
    np.testing.assert_array_equal(found.actions_BA, wanted.actions_BA)
    if stream == "state":
        np.testing.assert_array_equal(found.observations_B, wanted.observations_B)
    else:
        assert np.abs(found.observations_B.astype(int) - wanted.observations_B.astype(int)).max() <= MOST_OFF


def change_info(folder: Path, **changes) -> None:
    info = json.loads((folder / "meta/info.json").read_text())
    (folder / "meta/info.json").write_text(json.dumps(info | changes))


def drop(folder: Path, name: str) -> None:
    features = json.loads((folder / "meta/info.json").read_text())["features"]
    change_info(folder, features={key: value for key, value in features.items() if key != name})


def change_frames(folder: Path, name: str, change) -> None:
    """Replace a column; `change` gets its values as a list, and changes them in place."""
    path = folder / "data/chunk-000/file-000.parquet"
    frames = parquet.read_table(path)
    values, index = frames[name].to_pylist(), frames.column_names.index(name)
    change(values)
    parquet.write_table(frames.set_column(index, name, pa.array(values)), path)


def set_first(frame: int, number: float | None):
    def change(values: list) -> None:
        values[frame][0] = number

    return change


def set_value(frame: int, value: bool | None):
    def change(values: list) -> None:
        values[frame] = value

    return change


def set_images(samples: Samples, folder: Path) -> list[np.ndarray]:
    """Turn a data set with a video into one with pictures in its frames, as lerobot writes it without videos."""
    features = json.loads((folder / "meta/info.json").read_text())["features"]
    change_info(folder, features=features | {CAMERA: features[CAMERA] | {"dtype": "image"}}, video_path=None)
    shutil.rmtree(folder / "videos")
    images = [samples.columns["images"][row] for row in expected_rows(samples)]
    files = [{"bytes": cv2.imencode(".png", image[..., ::-1])[1].tobytes(), "path": None} for image in images]
    path = folder / "data/chunk-000/file-000.parquet"
    parquet.write_table(parquet.read_table(path).append_column(CAMERA, pa.array(files)), path)
    return images


def test_pictures_in_the_frames_are_read(samples, tmp_path):
    export(samples, tmp_path / "export")
    images = set_images(samples, tmp_path / "export")
    np.testing.assert_array_equal(
        read_lerobot(tmp_path / "export", samples.metadata.contract).columns["images"], images
    )
    change_frames(tmp_path / "export", CAMERA, set_value(3, None))
    with pytest.raises(InputError, match="expected the bytes of a picture in every frame, got none in frame 3"):
        read_lerobot(tmp_path / "export", samples.metadata.contract)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda f: change_frames(f, "action", set_first(2, np.nan)), "export: action: dx: expected -0.05 to 0.05, got nan in frame 2, and the like in 1 of"),
        (lambda f: change_frames(f, "action", set_first(2, np.inf)), "export: action: dx: expected -0.05 to 0.05, got inf in frame 2"),
        (lambda f: change_frames(f, "action", set_first(4, 50.0)), "export: action: dx: expected -0.05 to 0.05, got 50 in frame 4"),
        (lambda f: change_frames(f, "observation.state", set_first(5, np.nan)), ": expected a finite number, got nan in frame 5"),
        (lambda f: change_frames(f, "observation.state", set_first(5, None)), "observation.state: expected a value in every frame, got none in frame 5."),
        (lambda f: change_frames(f, "intervention", set_value(6, None)), "intervention: expected a value in every frame, got none in frame 6."),
        (lambda f: change_info(f, fps=3), "info.json: fps: expected 2, as the contract's rate_hz, got 3."),
        (lambda f: change_info(f, codebase_version="v2.1"), "info.json: codebase_version: expected 'v3.0', got 'v2.1'."),
        (lambda f: drop(f, "intervention"), "features.intervention is missing; only this feature tells when humans drove"),
        (lambda f: drop(f, "action"), "features.action.names: expected ["),
        (lambda f: (f / "meta/info.json").write_text("{"), "expected a complete LeRobotDataset v3.0"),
        (lambda f: (f / "data/chunk-000/file-000.parquet").unlink(), "expected a complete LeRobotDataset v3.0"),
        (lambda f: (f / "data/chunk-000/file-000.parquet").write_bytes(b"PAR1"), "expected a complete LeRobotDataset v3.0"),
        (lambda f: next(f.rglob("*.mp4")).write_bytes(b"no"), "file-000.mp4: expected a complete video"),
    ],
)  # fmt: skip
def test_other_and_damaged_data_sets_are_refused(samples, tmp_path, spoil, sentence):
    export(samples, tmp_path / "export")
    spoil(tmp_path / "export")
    with pytest.raises(InputError) as caught:
        read_lerobot(tmp_path / "export", samples.metadata.contract)
    assert sentence in str(caught.value)


def test_a_set_in_which_no_robot_moved_is_not_exported(samples, tmp_path):
    still = replace(samples, columns={**samples.columns, "kinds": np.zeros(len(samples), np.int8)})
    with pytest.raises(InputError, match="expected at least one sample in which a robot moved"):
        export(still, tmp_path / "export")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not PYTHON, reason="FLEET_LEROBOT_PYTHON names no Python that has lerobot")
def test_lerobot_reads_the_same_frames(samples, exported, tmp_path):
    reader = Path(__file__).with_name("read_by_lerobot.py")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}
    command = [str(PYTHON), str(reader), str(exported), str(tmp_path / "read.npz")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=250)
    assert done.returncode == 0, done.stderr
    rows, columns = expected_rows(samples), samples.columns
    with np.load(tmp_path / "read.npz") as read:
        assert_images(np.rint(read[CAMERA].transpose(0, 2, 3, 1) * 255), samples, rows)
        np.testing.assert_array_equal(read["observation.state"], columns["states"][rows].astype(np.float32))
        np.testing.assert_array_equal(read["action"], columns["actions"][rows].astype(np.float32))
        np.testing.assert_array_equal(read["intervention"], columns["shown"][rows])
        np.testing.assert_array_equal(read["next.success"], columns["succeeded"][rows])
        assert set(read["task"]) == {"block_push"}
        np.testing.assert_array_equal(read["next_is_pad"], read["next.done"])
        inside = np.flatnonzero(~read["next.done"])
        np.testing.assert_array_equal(read["next_action"][inside], read["action"][inside + 1])
