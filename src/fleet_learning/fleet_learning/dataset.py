"""Pairs of observation and action, and their bootstraps.

B pairs, S state dim, H image rows, W image columns, C channels, A action dim, E ensemble members.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet_contract.validation import InputError


@dataclass(frozen=True)
class Dataset:
    """Training data, in the robot contract's units."""

    observations_B: NDArray[Any]
    """States (B, S) of float32, or images (B, H, W, C) of uint8."""
    actions_BA: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.observations_B)

    @property
    def has_images(self) -> bool:
        """Whether the observations are images."""
        return self.observations_B.ndim > 2

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Dataset:
        """The pairs of these rows."""
        return Dataset(self.observations_B[rows], self.actions_BA[rows])

    def __add__(self, other: Dataset) -> Dataset:
        """D of this, then D of the other (dataset aggregation, IIFL section 4.2)."""
        return Dataset(
            np.concatenate([self.observations_B, other.observations_B]),
            np.concatenate([self.actions_BA, other.actions_BA]),
        )

    @property
    def digest(self) -> str:
        """sha256 of the content, hexadecimal."""
        content = hashlib.sha256(repr((self.observations_B.shape, self.actions_BA.shape)).encode())
        content.update(np.ascontiguousarray(self.observations_B).tobytes())
        content.update(np.ascontiguousarray(self.actions_BA).tobytes())
        return content.hexdigest()

    def bootstrap(self, members: int, seed: int) -> list[NDArray[np.int64]]:
        """Row indices for every member, drawn with replacement.

        How often a row is drawn is Poisson(1) (Oza and Russell 2001), from a stream of its member's own: rows that are
        already there keep their counts when the dataset grows, so that the members stay as different as they began.
        """
        return [
            np.repeat(np.arange(len(self)), np.random.default_rng([seed, member]).poisson(1.0, len(self)))
            for member in range(members)
        ]

    def training_rows(self, members: int, seed: int) -> list[NDArray[np.int64]]:
        """The bootstrap; a member that drew no row, of very few, gets them all.

        Raises:
            ValueError: there are no rows.
        """
        if not len(self):
            raise ValueError("there is nothing to train on: the dataset is empty")
        return [rows if len(rows) else np.arange(len(self)) for rows in self.bootstrap(members, seed)]

    def save(self, path: Path) -> None:
        """Write as .npz."""
        with path.open("wb") as file:  # to a path without .npz numpy would add it
            np.savez_compressed(file, observations=self.observations_B, actions=self.actions_BA)


def new_dataset(
    observations_B: Sequence[NDArray[np.generic]] | NDArray[np.generic],
    actions_BA: Sequence[NDArray[np.generic]] | NDArray[np.generic],
) -> Dataset:
    """Pairs of observations and actions of any precision; at least one."""
    observed_B = np.asarray(observations_B)
    return Dataset(observed_B.astype(_type_of(observed_B.shape[1:])), np.asarray(actions_BA).astype(np.float32))


def empty_dataset(observed: tuple[int, ...], action_dim: int) -> Dataset:
    """No pairs of observations of this shape."""
    return Dataset(np.zeros((0, *observed), _type_of(observed)), np.zeros((0, action_dim), np.float32))


def read_dataset(path: Path, observed: tuple[int, ...], action_dim: int) -> Dataset:
    """The dataset at `path`, whose observations have the shape `observed`: (S,), or (H, W, C) of images.

    Raises:
        BadInput: the file is missing, is no dataset, or has other dimensions.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays, np.errstate(over="ignore"):
            images = len(observed) > 1
            observations_B = arrays["observations"] if images else arrays["observations"].astype(np.float32)
            dataset = Dataset(observations_B, arrays["actions"].astype(np.float32))
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file.") from None
    except Exception:  # noqa: BLE001 - there are many ways to be no such file
        raise InputError(
            f"{path}: found no arrays 'observations' and 'actions', allowed is a .npz file that holds both."
        ) from None
    found = (dataset.observations_B.shape, dataset.actions_BA.shape)
    rows = dataset.observations_B.shape[:1]
    if found != ((*rows, *observed), (*rows, action_dim)):
        wanted = ", ".join(map(str, observed))
        raise InputError(f"{path}: shapes found {found}, allowed are (B, {wanted}) and (B, {action_dim}).")
    if dataset.observations_B.dtype != _type_of(observed):
        raise InputError(f"{path}: images found of {dataset.observations_B.dtype} values, allowed are uint8 values.")
    if not (np.isfinite(dataset.observations_B).all() and np.isfinite(dataset.actions_BA).all()):
        raise InputError(f"{path}: found values that are not finite, allowed are finite values only.")
    return dataset


def _type_of(observed: tuple[int, ...]) -> type[np.float32 | np.uint8]:
    return np.float32 if len(observed) == 1 else np.uint8
