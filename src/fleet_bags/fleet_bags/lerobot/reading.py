"""From a LeRobotDataset v3.0 back to samples that policies learn from.

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
from fleet_contract.action import ActionSource
from fleet_contract.robot import RobotContract
from fleet_contract.translation import FROM_RGB
from fleet_contract.validation import InputError

INTERVENTION = "intervention"
FIRST_S = f"videos/{CAMERA}/from_timestamp"


def is_lerobot(folder: Path) -> bool:
    """Whether the folder is a LeRobotDataset."""
    return (folder / INFO).is_file()


def read_lerobot(folder: Path, contract: RobotContract) -> Samples:
    """The frames of a data set as samples: who drove, what was observed and done.

    Columns that policies do not learn from are not there. The format has names of numbers, but neither units nor ranges:
    those are taken to be the contract's. All images are held in memory.

    Raises:
        BadInput: it is no such data set, of other robots, does not say what humans drove, or is damaged.
    """
    try:
        info = json.loads((folder / INFO).read_text(encoding="utf-8"))
        _require_fit(folder, info, contract)
        frames = _table(folder, "data").sort_by("index")
        shown_F = frames[INTERVENTION].to_numpy()
        columns = {
            "attempts": frames["episode_index"].to_numpy(),
            "shown": shown_F,
            "sources": np.where(shown_F, ActionSource.HUMAN, ActionSource.POLICY),
            "states": _vectors(frames[STATE], contract.state_dim),
            "actions": _vectors(frames[ACTION], contract.action_dim),
            "violated": frames["violated"].to_numpy() if "violated" in frames.column_names else np.zeros_like(shown_F),
        }
        has_images = CAMERA in info["features"] and contract.observation.camera is not None
        if has_images:
            columns[IMAGES] = _images(folder, info, frames, contract)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{folder}: found no whole LeRobotDataset ({error}), allowed is one of {VERSION}.") from None
    metadata = SamplesMetadata(
        format=VERSION, contract=contract, runs=(), samples=len(frames), left_out=0, has_images=has_images
    )
    return Samples(metadata, columns)


def _require_fit(folder: Path, info: dict[str, Any], contract: RobotContract) -> None:
    source, features = folder / INFO, info["features"]
    if info["codebase_version"] != VERSION:
        raise InputError(f"{source}: codebase_version found {info['codebase_version']!r}, allowed is {VERSION!r}.")
    if INTERVENTION not in features:
        raise InputError(f"{source}: features.{INTERVENTION} is missing, and nothing else says what humans drove.")
    has_images = CAMERA in features and contract.observation.camera is not None
    wanted = features_of(contract, has_images=has_images, left_out=frozenset())
    for name in (STATE, ACTION, *([CAMERA] if has_images else [])):
        for key in ("names", "shape"):
            found, allowed = features.get(name, {}).get(key), wanted[name][key]
            if found != allowed:
                raise InputError(f"{source}: features.{name}.{key} found {found}, allowed is {allowed}.")


def _table(folder: Path, part: str) -> pa.Table:
    return pa.concat_tables([parquet.read_table(path) for path in sorted((folder / part).glob("*/*.parquet"))])


def _vectors(column: pa.ChunkedArray, dim: int) -> NDArray[Any]:
    array = column.combine_chunks()
    return np.asarray(array.flatten() if dim > 1 else array).reshape(-1, dim)


def _images(folder: Path, info: dict[str, Any], frames: pa.Table, contract: RobotContract) -> NDArray[np.uint8]:
    """The frame of every row, (F, H, W, C): the one of its time in the video of its episode."""
    own = _table(folder, "meta/episodes").sort_by("episode_index").take(frames["episode_index"])
    times_F = own[FIRST_S].to_numpy() + frames["timestamp"].to_numpy()
    numbers_F = np.rint(times_F * info["fps"]).astype(np.int64)
    files = {name: own[f"videos/{CAMERA}/{name}"].to_numpy() for name in ("chunk_index", "file_index")}
    images_FHWC = np.zeros((len(frames), *contract.observed_shape("camera")), np.uint8)
    seen_F = np.zeros(len(frames), np.bool_)
    for chunk, file in sorted(set(zip(*(column.tolist() for column in files.values()), strict=True))):
        in_file = np.flatnonzero((files["chunk_index"] == chunk) & (files["file_index"] == file))
        rows = dict(zip(numbers_F[in_file].tolist(), in_file.tolist(), strict=True))
        path = folder / info["video_path"].format(video_key=CAMERA, chunk_index=chunk, file_index=file)
        for time_s, pixels in read_video(path):
            row = rows.get(round(time_s * info["fps"]))
            if row is not None:
                conversion = FROM_RGB[contract.require_camera().encoding]
                encoded = pixels if conversion is None else np.asarray(cv2.cvtColor(pixels, conversion))
                images_FHWC[row], seen_F[row] = encoded.reshape(images_FHWC.shape[1:]), True
    if not seen_F.all():
        raise InputError(f"{folder}: found no image of {(~seen_F).sum()} frames, allowed is one of every frame.")
    return images_FHWC
