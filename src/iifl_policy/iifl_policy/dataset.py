"""Pairs of observation and action, and their bootstraps.

B pairs, S state dim, A action dim, E ensemble members.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fleet_contract.door import BadInput


@dataclass(frozen=True)
class Dataset:
    """Training data, in the robot contract's units."""

    states_BS: NDArray[np.float32]
    actions_BA: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.states_BS)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Dataset:
        """The pairs of these rows."""
        return Dataset(self.states_BS[rows], self.actions_BA[rows])

    def __add__(self, other: Dataset) -> Dataset:
        """D of this, then D of the other (dataset aggregation, IIFL section 4.2)."""
        return Dataset(
            np.concatenate([self.states_BS, other.states_BS]), np.concatenate([self.actions_BA, other.actions_BA])
        )

    @property
    def digest(self) -> str:
        """sha256 of the content, hexadecimal."""
        content = hashlib.sha256(repr((self.states_BS.shape, self.actions_BA.shape)).encode())
        content.update(np.ascontiguousarray(self.states_BS).tobytes())
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
            np.savez_compressed(file, states=self.states_BS, actions=self.actions_BA)


def empty(state_dim: int, action_dim: int) -> Dataset:
    """No pairs."""
    return Dataset(np.zeros((0, state_dim), np.float32), np.zeros((0, action_dim), np.float32))


def read_dataset(path: Path, *, state_dim: int, action_dim: int) -> Dataset:
    """The dataset at `path`.

    Raises:
        BadInput: the file is missing, is no dataset, or has other dimensions.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays, np.errstate(over="ignore"):
            dataset = Dataset(arrays["states"].astype(np.float32), arrays["actions"].astype(np.float32))
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file.") from None
    except Exception:  # noqa: BLE001 - there are many ways to be no such file
        raise BadInput(
            f"{path}: found no arrays 'states' and 'actions', allowed is a .npz file that holds both."
        ) from None
    found = (dataset.states_BS.shape, dataset.actions_BA.shape)
    rows = dataset.states_BS.shape[:1]
    if found != ((*rows, state_dim), (*rows, action_dim)):
        raise BadInput(f"{path}: shapes found {found}, allowed are (B, {state_dim}) and (B, {action_dim}).")
    if not (np.isfinite(dataset.states_BS).all() and np.isfinite(dataset.actions_BA).all()):
        raise BadInput(f"{path}: found values that are not finite, allowed are finite values only.")
    return dataset
