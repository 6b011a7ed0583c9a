"""Datasets of (observation, action) pairs, and their bootstraps.

B pairs, S state dim, H image rows, W image columns, C channels, A action dim, E ensemble members.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet_contract.validation import InputError
from fleet_learning.labels import Label
from fleet_learning.weighting import DEMONSTRATION, weighted_rows


@dataclass(frozen=True)
class Dataset:
    """Training data, in the robot contract's units."""

    observations_B: NDArray[Any]
    """States (B, S) of float32, or images (B, H, W, C) of uint8."""
    actions_BA: NDArray[np.float32]
    labels_B: NDArray[np.int64] | None = None
    """Labels by which training weighs the pairs, from `fleet_learning.weighting`; None: all pairs are shown by humans and weigh the same."""

    def __len__(self) -> int:
        return len(self.observations_B)

    @property
    def has_images(self) -> bool:
        """Whether the observations are images."""
        return self.observations_B.ndim > 2

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Dataset:
        """Return the pairs of these rows."""
        labels_B = None if self.labels_B is None else self.labels_B[rows]
        return Dataset(self.observations_B[rows], self.actions_BA[rows], labels_B)

    def __add__(self, other: Dataset) -> Dataset:
        """Return these pairs followed by the other's (dataset aggregation, IIFL section 4.2).

        Raises:
            ValueError: only one of them has labels.
        """
        return joined([self, other])

    def labelled(self, label: int) -> Dataset:
        """Return the same pairs, all with this label."""
        return replace(self, labels_B=np.full(len(self), label, np.int64))

    def shown(self) -> Dataset:
        """Return the pairs that humans showed, without labels."""
        if self.labels_B is None:
            return self
        return replace(self[np.isin(self.labels_B, (DEMONSTRATION, Label.INTERVENTION))], labels_B=None)

    @property
    def digest(self) -> str:
        """sha256 of the content, hexadecimal."""
        content = hashlib.sha256(repr((self.observations_B.shape, self.actions_BA.shape)).encode())
        content.update(np.ascontiguousarray(self.observations_B).tobytes())
        content.update(np.ascontiguousarray(self.actions_BA).tobytes())
        if self.labels_B is not None:
            content.update(self.labels_B.tobytes())
        return content.hexdigest()

    def bootstrap(self, members: int, seed: int) -> list[NDArray[np.int64]]:
        """Return the row indices of every member, drawn with replacement.

        The number of times that a member draws a row is Poisson(1) (Oza and Russell 2001), from the member's own random
        stream: rows keep their counts when the dataset grows, so that the members stay as different as they were.
        """
        return [
            np.repeat(np.arange(len(self)), np.random.default_rng([seed, member]).poisson(1.0, len(self)))
            for member in range(members)
        ]

    def training_rows(self, members: int, seed: int) -> list[NDArray[np.int64]]:
        """Return the row indices from which every member learns.

        Without labels these are the bootstrap; a member that drew no row, as may happen with very few, gets all rows. With labels,
        each member draws as many rows of its bootstrap by Sirius' weights. The bootstrap comes first: if all members knew all of the
        few interventions, which weigh most, they would hardly disagree about them.

        Raises:
            ValueError: there are no rows.
        """
        if not len(self):
            raise ValueError("dataset: expected at least one pair, got none")
        drawn = [rows if len(rows) else np.arange(len(self)) for rows in self.bootstrap(members, seed)]
        if self.labels_B is None:
            return drawn
        return [rows[weighted_rows(self.labels_B[rows], (seed, member, 1))] for member, rows in enumerate(drawn)]

    def save(self, path: Path) -> None:
        """Write the dataset as .npz."""
        labels: dict[str, Any] = {} if self.labels_B is None else {"labels": self.labels_B}
        with path.open("wb") as file:  # to a path without .npz numpy would add it
            np.savez_compressed(file, observations=self.observations_B, actions=self.actions_BA, **labels)


def new_dataset(
    observations_B: Sequence[NDArray[np.generic]] | NDArray[np.generic],
    actions_BA: Sequence[NDArray[np.generic]] | NDArray[np.generic],
) -> Dataset:
    """Return a dataset of at least one pair, from arrays of any precision."""
    observed_B = np.asarray(observations_B)
    return Dataset(observed_B.astype(_type_of(observed_B.shape[1:])), np.asarray(actions_BA).astype(np.float32))


def joined(datasets: Sequence[Dataset]) -> Dataset:
    """Return the pairs of at least one dataset, one after the other.

    Raises:
        ValueError: only some of them have labels.
    """
    labels = [own.labels_B for own in datasets if own.labels_B is not None]
    if labels and len(labels) < len(datasets):
        raise ValueError(f"labels: expected labels in all {len(datasets)} datasets or in none, got {len(labels)}")
    return Dataset(
        np.concatenate([own.observations_B for own in datasets]),
        np.concatenate([own.actions_BA for own in datasets]),
        np.concatenate(labels) if labels else None,
    )


def empty_dataset(observed: tuple[int, ...], action_dim: int) -> Dataset:
    """Return a dataset without pairs, whose observations would have this shape."""
    return Dataset(np.zeros((0, *observed), _type_of(observed)), np.zeros((0, action_dim), np.float32))


def read_dataset(path: Path, observed: tuple[int, ...], action_dim: int) -> Dataset:
    """Read a dataset.

    Args:
        path: a .npz file.
        observed: expected shape of one observation: (S,) of a state, (H, W, C) of an image.
        action_dim: A.

    Raises:
        InputError: the file is missing, is no dataset, or has other dimensions.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays, np.errstate(over="ignore"):
            images = len(observed) > 1
            observations_B = arrays["observations"] if images else arrays["observations"].astype(np.float32)
            labels_B = arrays.get("labels")
            dataset = Dataset(observations_B, arrays["actions"].astype(np.float32), labels_B)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file.") from None
    except Exception:  # noqa: BLE001 - numpy raises many kinds of errors for files of other formats
        raise InputError(
            f"{path}: expected a .npz file with the arrays 'observations' and 'actions', got another file."
        ) from None
    shapes = (dataset.observations_B.shape, dataset.actions_BA.shape)
    rows = dataset.observations_B.shape[:1]
    if shapes != ((*rows, *observed), (*rows, action_dim)):
        expected = ", ".join(map(str, observed))
        raise InputError(
            f"{path}: shapes: expected (B, {expected}) and (B, {action_dim}), got {shapes[0]} and {shapes[1]}."
        )
    if labels_B is not None and not (labels_B.shape == rows and np.isin(labels_B, (DEMONSTRATION, *Label)).all()):
        raise InputError(f"{path}: labels: expected one of {DEMONSTRATION} to {max(Label)} for each pair, got others.")
    if dataset.observations_B.dtype != _type_of(observed):
        raise InputError(
            f"{path}: observations: expected images of uint8 values, got {dataset.observations_B.dtype} values."
        )
    if not (np.isfinite(dataset.observations_B).all() and np.isfinite(dataset.actions_BA).all()):
        raise InputError(f"{path}: expected finite values only, got others.")
    return dataset


def _type_of(observed: tuple[int, ...]) -> type[np.float32 | np.uint8]:
    return np.float32 if len(observed) == 1 else np.uint8
