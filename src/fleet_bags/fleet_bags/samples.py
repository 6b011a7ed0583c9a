"""Reads training sets made from recorded runs: observations, actions and outcomes as memory-mapped columns.

B samples, S state dim, A action dim, H image rows, W image columns, C channels.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet_contract.robot import RobotContract, Stream
from fleet_contract.validation import InputError, StrictModel, validated
from fleet_learning.dataset import Dataset, empty_dataset, new_dataset

FORMAT = "fleet-samples-1"
METADATA_FILE = "samples.json"
IMAGES = "images"
COLUMNS: Mapping[str, tuple[type[np.generic], tuple[str, ...]]] = {
    "runs": (np.int32, ()),
    "robots": (np.int32, ()),
    "ticks": (np.int64, ()),
    "attempts": (np.int32, ()),
    "stamps_ns": (np.int64, ()),
    "states": (np.float64, ("S",)),
    "kinds": (np.int8, ()),
    "sources": (np.int8, ()),
    "shown": (np.bool_, ()),
    "actions": (np.float64, ("A",)),
    "proposals": (np.float64, ("A",)),
    "versions": (np.int32, ()),
    "supervisors": (np.int16, ()),
    "uncertainties": (np.float64, ()),
    "thresholds": (np.float64, ()),
    "violated": (np.bool_, ()),
    "rewards": (np.float64, ()),
    "succeeded": (np.bool_, ()),
    "broken": (np.bool_, ()),
    "dismissed": (np.bool_, ()),
}
"""Type and shape of a sample in every column except the images; each column is a file of this name."""


class SourceRun(StrictModel):
    """A run from which samples were taken."""

    bag: str
    """Path of the bag when the training set was made."""
    task: str
    """Name of the robots' task."""
    robots: tuple[str, ...]
    supervisors: tuple[str, ...]
    tasks: tuple[str, ...] = ()
    """Task of every robot; empty if all have the same one."""

    def task_of(self, robot: int) -> str:
        """Return the task of the robot with this index."""
        return self.tasks[robot] if self.tasks else self.task


class SamplesMetadata(StrictModel):
    """The content of samples.json."""

    format: str
    contract: RobotContract
    runs: tuple[SourceRun, ...]
    samples: int
    left_out: int
    """Number of observations that were left out because something is missing, such as their image."""
    has_images: bool


@dataclass(frozen=True)
class Samples:
    """Columns of B samples, ordered by run, robot and tick."""

    metadata: SamplesMetadata
    columns: Mapping[str, NDArray[Any]]
    """
    runs, robots, supervisors: indices of names in `metadata`; supervisors: who held the robot's lease, or -1.
    attempts: number of the attempt at the task, counted over the whole set; an attempt includes its interventions.
    states (B, S), images (B, H, W, C): the robot's observation.
    kinds, sources: `ActionKind` and `ActionSource` of the executed action; shown: whether a human moved the robot.
    actions (B, A): executed actions; NaN for robots that did not move.
    proposals (B, A), versions: the policy's action and version; NaN where it proposed none.
    uncertainties, thresholds: of the policy, in its unit; NaN where it reported none.
    violated: whether the robot was in constraint violation at the observation.
    rewards, succeeded, broken: what the action led to: its reward, whether it completed the task, whether it caused a
    constraint violation; rewards are NaN where the recording ends before the outcome.
    dismissed: whether a human has dismissed the robot's alarm at this tick; False in sets from before there was this column.
    """

    def __len__(self) -> int:
        return self.metadata.samples

    def observations(self, stream: Stream) -> NDArray[Any]:
        """Return what policies decide from, (B, S) or (B, H, W, C).

        Raises:
            InputError: the set has no images.
        """
        if stream == "camera" and not self.metadata.has_images:
            raise InputError("images: expected a training set of robots that have a camera, got one without images.")
        return self.columns[IMAGES if stream == "camera" else "states"]

    def pairs(self, rows_B: NDArray[np.bool_], stream: Stream) -> Dataset:
        """Return observations and actions of the selected samples, for training."""
        contract, rows = self.metadata.contract, np.flatnonzero(rows_B)
        if not len(rows):
            return empty_dataset(contract.observed_shape(stream), contract.action_dim)
        return new_dataset(self.observations(stream)[rows], self.columns["actions"][rows])


def sample_shape(name: str, contract: RobotContract) -> tuple[int, ...]:
    """Return the shape of one sample of a column."""
    if name == IMAGES:
        return contract.observed_shape("camera")
    return tuple({"S": contract.state_dim, "A": contract.action_dim}[dim] for dim in COLUMNS[name][1])


def read_samples(folder: Path) -> Samples:
    """Return the training set in a folder; pages are read from the disk when they are used.

    Raises:
        InputError: the folder holds no training set, or a damaged one.
    """
    try:
        content = json.loads((folder / METADATA_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(
            f"{folder}: {METADATA_FILE} is missing, expected a folder that ./fleet dataset build has written."
        ) from None
    metadata = validated(content, SamplesMetadata, source=str(folder / METADATA_FILE))
    if metadata.format != FORMAT:
        raise InputError(f"{folder / METADATA_FILE}: format: expected {FORMAT!r}, got {metadata.format!r}.")
    names = [*COLUMNS, *([IMAGES] if metadata.has_images else [])]
    return Samples(metadata, {name: _column(folder, name, metadata) for name in names})


def _column(folder: Path, name: str, metadata: SamplesMetadata) -> NDArray[Any]:
    path = folder / f"{name}.npy"
    if name == "dismissed" and not path.exists():
        return np.zeros(metadata.samples, np.bool_)
    try:
        column_B: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        raise InputError(f"{path}: expected a complete array, got a missing or damaged file.") from None
    expected = (
        np.dtype(np.uint8 if name == IMAGES else COLUMNS[name][0]),
        (metadata.samples, *sample_shape(name, metadata.contract)),
    )
    if (column_B.dtype, column_B.shape) != expected:
        raise InputError(
            f"{path}: expected {expected[0]} values of shape {expected[1]}, got {column_B.dtype} of {column_B.shape}."
        )

    return column_B
