"""A training set from recorded runs: what robots observed, who did what, and what came of it, memory-mapped.

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
}
"""Type and shape of a sample of every column but the images."""


class SourceRun(StrictModel):
    """A run that samples are from."""

    bag: str
    """Where it was."""
    task: str
    """What the robots had to do."""
    robots: tuple[str, ...]
    supervisors: tuple[str, ...]


class SamplesMetadata(StrictModel):
    """What a set says about itself."""

    format: str
    contract: RobotContract
    runs: tuple[SourceRun, ...]
    samples: int
    left_out: int
    """Observations of which something is missing, such as their image."""
    has_images: bool


@dataclass(frozen=True)
class Samples:
    """Columns of B samples, by run, robot and tick."""

    metadata: SamplesMetadata
    columns: Mapping[str, NDArray[Any]]
    """
    runs, robots, supervisors: indices of names in `metadata`; of the supervisor whom the robot belonged to, else -1.
    attempts: whole attempts at the task, interventions inside, counted over the set.
    states (B, S), images (B, H, W, C): what the robot observed.
    kinds, sources: `ActionKind` and `ActionSource` of what the robot did; shown: a human moved it.
    actions (B, A): of robots that moved; not a number for the others.
    proposals (B, A): what the policy, of that version, would have done; not a number where it did not say.
    uncertainties, thresholds: of the policy, in its unit; not a number where it did not say.
    violated: the robot was in constraint violation when it observed this.
    rewards, succeeded, broken: what the action led to: the reward, the task completed, a constraint violation; rewards
    are not a number where the recording ends before.
    """

    def __len__(self) -> int:
        return self.metadata.samples

    def observations(self, stream: Stream) -> NDArray[Any]:
        """What policies decide from, (B, S) or (B, H, W, C).

        Raises:
            BadInput: there are no images.
        """
        if stream == "camera" and not self.metadata.has_images:
            raise InputError("images: found none in the training set, allowed is one of robots that have a camera.")
        return self.columns[IMAGES if stream == "camera" else "states"]

    def pairs(self, rows_B: NDArray[np.bool_], stream: Stream) -> Dataset:
        """Observations and actions of these samples, for training."""
        contract, rows = self.metadata.contract, np.flatnonzero(rows_B)
        if not len(rows):
            return empty_dataset(contract.observed_shape(stream), contract.action_dim)
        return new_dataset(self.observations(stream)[rows], self.columns["actions"][rows])


def sample_shape(name: str, contract: RobotContract) -> tuple[int, ...]:
    """Shape of one sample of a column."""
    if name == IMAGES:
        return contract.observed_shape("camera")
    return tuple({"S": contract.state_dim, "A": contract.action_dim}[dim] for dim in COLUMNS[name][1])


def read_samples(folder: Path) -> Samples:
    """The training set in a folder; what is not looked at is not read.

    Raises:
        BadInput: the folder holds none, or it is damaged.
    """
    try:
        found = json.loads((folder / METADATA_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(
            f"{folder}: found no {METADATA_FILE}, allowed is a folder that ./fleet dataset build has written."
        ) from None
    metadata = validated(found, SamplesMetadata, source=str(folder / METADATA_FILE))
    if metadata.format != FORMAT:
        raise InputError(f"{folder / METADATA_FILE}: format found {metadata.format!r}, allowed is {FORMAT!r}.")
    names = [*COLUMNS, *([IMAGES] if metadata.has_images else [])]
    return Samples(metadata, {name: _column(folder, name, metadata) for name in names})


def _column(folder: Path, name: str, metadata: SamplesMetadata) -> NDArray[Any]:
    path = folder / f"{name}.npy"
    try:
        column_B: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        raise InputError(f"{path}: found no whole array, allowed is the file as it was written.") from None
    wanted = (
        np.dtype(np.uint8 if name == IMAGES else COLUMNS[name][0]),
        (metadata.samples, *sample_shape(name, metadata.contract)),
    )
    if (column_B.dtype, column_B.shape) != wanted:
        raise InputError(
            f"{path}: found {column_B.dtype} values of shape {column_B.shape}, allowed are {wanted[0]} of {wanted[1]}."
        )
    return column_B
