"""Exports a training set as a LeRobotDataset v3.0.

F frames, E episodes, C channels, V values of a pixel, H rows, W columns.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from fleet_bags.lerobot.frames import Frames, frames_of
from fleet_bags.lerobot.layout import (
    CAMERA,
    DATA,
    EPISODES,
    FILES_PER_CHUNK,
    INFO,
    SCALARS,
    STATS,
    TASKS,
    VERSION,
    VIDEO,
    features_of,
    fps_of,
    place,
)
from fleet_bags.lerobot.statistics import LEVELS, Statistics, levels_of, of_images, of_numbers
from fleet_bags.lerobot.video import write_video
from fleet_bags.new_folder import new_folder
from fleet_bags.samples import IMAGES, Samples
from fleet_bags.samples_writer import OnProgress
from fleet_contract.translation import TO_RGB

LONGEST_S = 1000.0
"""Longest duration of a video file, s. lerobot looks frames up by times in single precision and accepts a difference of 0.1 ms,
which is enough for 1024 s."""


def export(samples: Samples, folder: Path, *, on_progress: OnProgress = lambda *_: None) -> Frames:
    """Write a new folder that lerobot opens as `LeRobotDataset(NAME, root=folder)`, and return its frames.

    Raises:
        InputError: no robot moved, or the folder exists already; nothing is written.
    """
    frames = frames_of(samples)
    contract, numbers = samples.metadata.contract, frames.numbers
    features = features_of(
        contract, has_images=samples.metadata.has_images, excluded=frozenset(SCALARS) - frozenset(numbers)
    )
    episodes = [_episode(frames, episode) for episode in range(len(frames.bounds_E2))]
    whole = {name: of_numbers(values_FD) for name, values_FD in numbers.items()}
    for episode, (first, end) in zip(episodes, frames.bounds_E2, strict=True):
        stats = {name: of_numbers(values_FD[first:end], whole[name]) for name, values_FD in numbers.items()}
        episode.update(_flat(stats))
    with new_folder(folder) as partial:
        if samples.metadata.has_images:
            counts_ECV, features[CAMERA]["info"] = _write_videos(partial, frames, episodes, on_progress)
            whole[CAMERA] = of_images(counts_ECV.sum(axis=0), len(frames.rows_F))
            for episode, counts_CV in zip(episodes, counts_ECV, strict=True):
                episode.update(_flat({CAMERA: of_images(counts_CV, episode["length"])}))
        info = {
            "codebase_version": VERSION,
            "robot_type": contract.robot,
            "total_episodes": len(episodes),
            "total_frames": len(frames.rows_F),
            "total_tasks": len(frames.tasks),
            "chunks_size": FILES_PER_CHUNK,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "fps": fps_of(contract),
            "splits": {"train": f"0:{len(episodes)}"},
            "data_path": DATA,
            "video_path": VIDEO if samples.metadata.has_images else None,
            "features": features,
        }
        columns = {name: _column(values_FD) for name, values_FD in numbers.items()}
        _write_table(partial / DATA.format(**place(0)), pa.table(columns))
        _write_table(partial / EPISODES.format(**place(0)), pa.Table.from_pylist(episodes))
        _write_table(partial / TASKS, _tasks(frames.tasks))
        (partial / INFO).write_text(json.dumps(info, indent=4) + "\n", encoding="utf-8")
        (partial / STATS).write_text(json.dumps(whole, indent=4) + "\n", encoding="utf-8")
    return frames


def _episode(frames: Frames, episode: int) -> dict[str, Any]:
    first, end = frames.bounds_E2[episode].tolist()
    return {
        "episode_index": episode,
        "tasks": [frames.task_of(episode)],
        "length": end - first,
        "dataset_from_index": first,
        "dataset_to_index": end,
        **{f"data/{name}": number for name, number in place(0).items()},
        **{f"meta/episodes/{name}": number for name, number in place(0).items()},
    }


def _flat(stats: dict[str, Statistics]) -> dict[str, Any]:
    return {f"stats/{name}/{kind}": value for name, feature in stats.items() for kind, value in feature.items()}


def _write_videos(
    folder: Path, frames: Frames, episodes: list[dict[str, Any]], on_progress: OnProgress
) -> tuple[NDArray[np.int64], dict[str, object]]:
    """Write video files of whole episodes, and add their places to `episodes`.

    Returns:
        How often the channels have each pixel value in every episode, (E, C, V), and what info.json holds about the videos.
    """
    camera, fps = frames.samples.metadata.contract.require_camera(), fps_of(frames.samples.metadata.contract)
    counts_ECV = np.zeros((len(episodes), 3, LEVELS), np.int64)
    video_info: dict[str, object] = {}

    def images(first: int, end: int) -> Iterator[NDArray[np.uint8]]:
        for index in range(first, end):
            pixels = np.asarray(frames.samples.columns[IMAGES][frames.rows_F[index]])
            conversion = TO_RGB[camera.encoding]
            rgb = pixels if conversion is None else np.asarray(cv2.cvtColor(pixels, conversion), dtype=np.uint8)
            counts_ECV[frames.episodes_F[index]] += levels_of(rgb)
            on_progress(index + 1, len(frames.rows_F))
            yield rgb

    for number, own in enumerate(_files(episodes, fps)):
        start = own[0]["dataset_from_index"]
        for episode in own:
            where = place(number) | {
                "from_timestamp": (episode["dataset_from_index"] - start) / fps,
                "to_timestamp": (episode["dataset_to_index"] - start) / fps,
            }
            episode.update({f"videos/{CAMERA}/{name}": value for name, value in where.items()})
        path = folder / VIDEO.format(video_key=CAMERA, **place(number))
        path.parent.mkdir(parents=True, exist_ok=True)
        video_info = write_video(path, images(start, own[-1]["dataset_to_index"]), (camera.height, camera.width), fps)
    return counts_ECV, video_info


def _files(episodes: list[dict[str, Any]], fps: float) -> list[list[dict[str, Any]]]:
    """Return the episodes of every video: an episode is appended to the previous ones unless the video would be too long."""
    files: list[list[dict[str, Any]]] = []
    for episode in episodes:
        if files and (episode["dataset_to_index"] - files[-1][0]["dataset_from_index"]) / fps <= LONGEST_S:
            files[-1].append(episode)
        else:
            files.append([episode])
    return files


def _column(values_FD: NDArray[Any]) -> pa.Array:
    """Return a feature as a column: plain numbers if it has one dimension, else lists."""
    flat = pa.array(values_FD.ravel())
    return flat if values_FD.shape[1] == 1 else pa.FixedSizeListArray.from_arrays(flat, values_FD.shape[1])


def _tasks(tasks: list[str]) -> pa.Table:
    """Return the tasks as pandas writes a table that is indexed by them."""
    value = {"name": "task_index", "field_name": "task_index", "pandas_type": "int64", "numpy_type": "int64"}
    index = {"name": "task", "field_name": "task", "pandas_type": "unicode", "numpy_type": "object"}
    pandas = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [{**column, "metadata": None} for column in (value, index)],
        "pandas_version": "2.0.0",
    }
    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), "task": tasks})
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})


def _write_table(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path)
