"""Reads samples for training from a LeRobotDataset v3.0.

F frames, H rows, W columns, C channels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from fleet_bags.lerobot.layout import ACTION, CAMERA, INFO, STATE, VERSION, features_of, fps_of
from fleet_bags.lerobot.video import read_video
from fleet_bags.samples import IMAGES, Samples, SamplesMetadata
from fleet_contract.action import ActionKind, ActionSource
from fleet_contract.quantity import Quantity
from fleet_contract.robot import RobotContract
from fleet_contract.translation import FROM_RGB
from fleet_contract.validation import InputError

INTERVENTION = "intervention"
ROUNDING = 1e-5
"""Share of an action's limit by which its rounding to single precision may be beyond it."""
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
            damaged one; a number is missing or not finite; or an action is out of the contract's range.
    """
    try:
        info = json.loads((folder / INFO).read_text(encoding="utf-8"))
        _require_fit(folder, info, contract)
        frames = _table(folder, "data").sort_by("index")
        _require_values(folder, frames, contract)
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
            read = _embedded_images if info["features"][CAMERA]["dtype"] == "image" else _images
            columns[IMAGES] = read(folder, info, frames, contract)
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
    if info["fps"] != fps_of(contract):
        raise InputError(f"{source}: fps: expected {fps_of(contract)}, as the contract's rate_hz, got {info['fps']}.")
    has_images = CAMERA in features and contract.observation.camera is not None
    if has_images and features[CAMERA]["dtype"] not in ("video", "image"):
        raise InputError(
            f"{source}: features.{CAMERA}.dtype: expected video or image, got {features[CAMERA]['dtype']}."
        )
    expected = features_of(contract, has_images=has_images, excluded=frozenset())
    for name in (STATE, ACTION, *([CAMERA] if has_images else [])):
        for key in ("names", "shape"):
            value = features.get(name, {}).get(key)
            if value != expected[name][key]:
                raise InputError(f"{source}: features.{name}.{key}: expected {expected[name][key]}, got {value}.")


def _require_values(folder: Path, frames: pa.Table, contract: RobotContract) -> None:
    """Refuse frames without a value, with numbers that are not finite, or with actions out of the contract's range."""
    for name in (STATE, ACTION, INTERVENTION, *({"violated"} & set(frames.column_names))):
        values = frames[name].combine_chunks()
        if values.null_count or (name in (STATE, ACTION) and values.flatten().null_count):
            row = next(
                row for row, value in enumerate(values.to_pylist()) if value is None or None in np.atleast_1d(value)
            )
            raise InputError(f"{folder}: {name}: expected a value in every frame, got none in frame {row}.")
    unlimited = np.full(contract.state_dim, np.inf)
    low_A, high_A = np.array(contract.action_low_A), np.array(contract.action_high_A)
    slack_A = ROUNDING * np.maximum(np.abs(low_A), np.abs(high_A))
    _require_numbers(folder, STATE, frames, contract.observation.state.quantities, -unlimited, unlimited)
    _require_numbers(folder, ACTION, frames, contract.action.quantities, low_A - slack_A, high_A + slack_A)


def _require_numbers(
    folder: Path,
    name: str,
    frames: pa.Table,
    quantities: Sequence[Quantity],
    low_D: NDArray[np.float64],
    high_D: NDArray[np.float64],
) -> None:
    """Refuse numbers that are not finite, or below `low_D` or above `high_D`."""
    values_FD = _vectors(frames[name], len(quantities)).astype(np.float64)
    wrong_FD = ~np.isfinite(values_FD) | (values_FD < low_D) | (values_FD > high_D)
    if not wrong_FD.any():
        return
    row, column = np.argwhere(wrong_FD)[0].tolist()
    own = quantities[column]
    expected = f"{own.low:g} to {own.high:g}" if np.isfinite(low_D[column]) else "a finite number"
    raise InputError(
        f"{folder}: {name}: {own.name}: expected {expected}, got {values_FD[row, column]:g} in frame {row}, and the like in "
        f"{int(wrong_FD.any(1).sum())} of {len(frames)} frames."
    )


def _table(folder: Path, part: str) -> pa.Table:
    return pa.concat_tables([parquet.read_table(path) for path in sorted((folder / part).glob("*/*.parquet"))])


def _vectors(column: pa.ChunkedArray, dim: int) -> NDArray[Any]:
    array = column.combine_chunks()
    return np.asarray(array.flatten() if dim > 1 else array).reshape(-1, dim)


def _embedded_images(
    folder: Path,
    info: dict[str, Any],  # noqa: ARG001
    frames: pa.Table,
    contract: RobotContract,
) -> NDArray[np.uint8]:
    """Return the images (F, H, W, C) that lie in the frames themselves, as the files of pictures."""
    images_FHWC = np.zeros((len(frames), *contract.observed_shape("camera")), np.uint8)
    for row, content in enumerate(frames[CAMERA].to_pylist()):
        data = np.frombuffer((content or {}).get("bytes") or b"", np.uint8)
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if data.size else None
        if pixels is None:
            raise InputError(
                f"{folder}: {CAMERA}: expected the bytes of a picture in every frame, got none in frame {row}."
            )
        images_FHWC[row] = _encoded(np.asarray(pixels, np.uint8), contract)
    return images_FHWC


def _encoded(pixels: NDArray[np.uint8], contract: RobotContract) -> NDArray[np.uint8]:
    """Return an RGB image in the contract's encoding, (H, W, C)."""
    conversion = FROM_RGB[contract.require_camera().encoding]
    encoded = pixels if conversion is None else np.asarray(cv2.cvtColor(pixels, conversion), np.uint8)
    return encoded.reshape(contract.observed_shape("camera"))


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
                images_FHWC[row], has_image_F[row] = _encoded(pixels, contract), True
    if not has_image_F.all():
        raise InputError(f"{folder}: expected an image of every frame, got none of {(~has_image_F).sum()} frames.")
    return images_FHWC
