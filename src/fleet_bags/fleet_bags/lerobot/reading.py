"""Reads samples for training from a LeRobotDataset v3.0.

F frames, H rows, W columns, C channels.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from fleet_bags.lerobot.layout import ACTION, CAMERA, INFO, STATE, VERSION, features_of
from fleet_bags.lerobot.video import read_video
from fleet_bags.samples import IMAGES, Samples, SamplesMetadata
from fleet_contract.action import ActionKind, ActionSource
from fleet_contract.robot import RobotContract
from fleet_contract.translation import FROM_RGB
from fleet_contract.validation import InputError

INTERVENTION = "intervention"
FIRST_S = f"videos/{CAMERA}/from_timestamp"


def is_lerobot(folder: Path) -> bool:
    """Return whether the folder is a LeRobotDataset."""
    return (folder / INFO).is_file()


def read_lerobot(folder: Path, contract: RobotContract) -> Samples:
    """Return the frames of a data set as samples, with the columns that are needed for training.

    The format names the numbers of a feature but has neither units nor ranges: those of the contract are assumed. All images
    are held in memory.

    Raises:
        InputError: the folder holds no LeRobotDataset v3.0, one of other robots or without the feature `intervention`, or a
            damaged one.
    """
    try:
        info = json.loads((folder / INFO).read_text(encoding="utf-8"))
        _require_fit(folder, info, contract)
        frames = _table(folder, "data").sort_by("index")
        human_F = frames[INTERVENTION].to_numpy()
        columns = {
            "attempts": frames["episode_index"].to_numpy(),
            "shown": human_F,
            # Frames are those in which the robot moved.
            "kinds": np.full(len(frames), ActionKind.MOVE, dtype=np.int8),
            "sources": np.where(human_F, ActionSource.HUMAN, ActionSource.POLICY),
            "states": _vectors(frames[STATE], contract.state_dim),
            "actions": _vectors(frames[ACTION], contract.action_dim),
            "violated": frames["violated"].to_numpy() if "violated" in frames.column_names else np.zeros_like(human_F),
        }
        has_images = CAMERA in info["features"] and contract.observation.camera is not None
        if has_images:
            columns[IMAGES] = _images(folder, info, frames, contract)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{folder}: expected a complete LeRobotDataset {VERSION}, got one that cannot be read ({error})."
        ) from None
    metadata = SamplesMetadata(
        format=VERSION, contract=contract, runs=(), samples=len(frames), left_out=0, has_images=has_images
    )
    return Samples(metadata, columns)


def _require_fit(folder: Path, info: dict[str, Any], contract: RobotContract) -> None:
    source, features = folder / INFO, info["features"]
    if info["codebase_version"] != VERSION:
        raise InputError(f"{source}: codebase_version: expected {VERSION!r}, got {info['codebase_version']!r}.")
    if INTERVENTION not in features:
        raise InputError(f"{source}: features.{INTERVENTION} is missing; only this feature tells when humans drove.")
    has_images = CAMERA in features and contract.observation.camera is not None
    expected = features_of(contract, has_images=has_images, excluded=frozenset())
    for name in (STATE, ACTION, *([CAMERA] if has_images else [])):
        for key in ("names", "shape"):
            value = features.get(name, {}).get(key)
            if value != expected[name][key]:
                raise InputError(f"{source}: features.{name}.{key}: expected {expected[name][key]}, got {value}.")


def _table(folder: Path, part: str) -> pa.Table:
    return pa.concat_tables([parquet.read_table(path) for path in sorted((folder / part).glob("*/*.parquet"))])


def _vectors(column: pa.ChunkedArray, dim: int) -> NDArray[Any]:
    array = column.combine_chunks()
    return np.asarray(array.flatten() if dim > 1 else array).reshape(-1, dim)


def _images(folder: Path, info: dict[str, Any], frames: pa.Table, contract: RobotContract) -> NDArray[np.uint8]:
    """Return the image of every frame, (F, H, W, C), by the frame's time in the video of its episode."""
    episode_of = _table(folder, "meta/episodes").sort_by("episode_index").take(frames["episode_index"])
    times_F = episode_of[FIRST_S].to_numpy() + frames["timestamp"].to_numpy()
    numbers_F = np.rint(times_F * info["fps"]).astype(np.int64)
    files = {name: episode_of[f"videos/{CAMERA}/{name}"].to_numpy() for name in ("chunk_index", "file_index")}
    images_FHWC = np.zeros((len(frames), *contract.observed_shape("camera")), np.uint8)
    has_image_F = np.zeros(len(frames), np.bool_)
    for chunk, file in sorted(set(zip(*(column.tolist() for column in files.values()), strict=True))):
        in_file = np.flatnonzero((files["chunk_index"] == chunk) & (files["file_index"] == file))
        rows = dict(zip(numbers_F[in_file].tolist(), in_file.tolist(), strict=True))
        path = folder / info["video_path"].format(video_key=CAMERA, chunk_index=chunk, file_index=file)
        for time_s, pixels in read_video(path):
            row = rows.get(round(time_s * info["fps"]))
            if row is not None:
                conversion = FROM_RGB[contract.require_camera().encoding]
                encoded = pixels if conversion is None else np.asarray(cv2.cvtColor(pixels, conversion))
                images_FHWC[row], has_image_F[row] = encoded.reshape(images_FHWC.shape[1:]), True
    if not has_image_F.all():
        raise InputError(f"{folder}: expected an image of every frame, got none of {(~has_image_F).sum()} frames.")
    return images_FHWC
