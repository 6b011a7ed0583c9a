"""Recorded demonstrations: observations, actions and where episodes end.

B pairs, S state dim, A action dim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fleet_contract.validation import InputError
from fleet_learning.dataset import Dataset

ARRAYS = ("observations", "actions", "dones")
QUATERNION = 4
NO_ROTATION = (0.0, 0.0, 0.0, 1.0)
UNIT_WITHIN = 1e-3


@dataclass(frozen=True)
class Demonstrations:
    """Pairs of many episodes."""

    dataset: Dataset
    episodes_B: NDArray[np.int64]
    """Which episode a pair is of, from 0."""

    def split(self, share: float, seed: int) -> tuple[Dataset, Dataset]:
        """Pairs to train on, and pairs that are held out: about `share` of the episodes, whole ones, at least one.

        Raises:
            ValueError: there is but one episode.
        """
        episodes = np.unique(self.episodes_B)
        if len(episodes) < 2:
            raise ValueError("one episode cannot be split")
        held_out = np.random.default_rng(seed).permutation(episodes)[: max(1, round(share * len(episodes)))]
        held_B = np.isin(self.episodes_B, held_out)
        return self.dataset[~held_B], self.dataset[held_B]

    def with_rotation_matrices(self, places: Sequence[int]) -> Demonstrations:
        """The same, with observed quaternions (x, y, z, w) as rotation matrices, row by row.

        A quaternion and its negative are the same orientation, and a tilt is a product of their components; of a matrix it
        is a single entry. Zeros, which simulators tell before their first step, count as no rotation.

        Args:
            places: where in an observation a quaternion begins.

        Raises:
            BadInput: there is none.
        """
        states_BS = self.dataset.observations_B
        columns = [states_BS[:, place : place + 1] for place in range(states_BS.shape[1])]
        for place in places:
            columns[place : place + QUATERNION] = [_matrices(states_BS, place), *[states_BS[:, :0]] * (QUATERNION - 1)]
        return replace(self, dataset=replace(self.dataset, observations_B=np.concatenate(columns, 1)))


def read_demonstrations(paths: Sequence[Path]) -> Demonstrations:
    """Recordings in .npz files with the arrays observations (B, S), actions (B, A) and dones (B,), one after the other.

    Raises:
        BadInput: a file is missing or holds something else, or the files' dimensions differ.
    """
    parts: list[Dataset] = []
    episodes: list[NDArray[np.int64]] = []
    for path in paths:
        part, dones_B = _read(path)
        if parts and (part.observations_B.shape[1:], part.actions_BA.shape[1:]) != (
            parts[0].observations_B.shape[1:],
            parts[0].actions_BA.shape[1:],
        ):
            raise InputError(
                f"{path}: found {part.observations_B.shape[1]} observation and {part.actions_BA.shape[1]} action values, allowed "
                f"are as many as in {paths[0]} ({parts[0].observations_B.shape[1]} and {parts[0].actions_BA.shape[1]})."
            )
        first = episodes[-1][-1] + 1 if episodes else 0
        parts.append(part)
        episodes.append(first + np.concatenate([[0], np.cumsum(dones_B)[:-1]]))
    return Demonstrations(sum(parts[1:], parts[0]), np.concatenate(episodes))


def _matrices(states_BS: NDArray[np.float32], place: int) -> NDArray[np.float32]:
    values_BV = states_BS[:, place : place + QUATERNION].astype(np.float64)
    quaternions_BV = np.where(values_BV.any(1, keepdims=True), values_BV, NO_ROTATION[: values_BV.shape[1]])
    if values_BV.shape[1] < QUATERNION or (np.abs(np.linalg.norm(quaternions_BV, axis=1) - 1) > UNIT_WITHIN).any():
        raise InputError(
            f"--rotation: found {place}, where no quaternion begins, allowed are places in the observations where "
            f"{QUATERNION} values make a unit quaternion."
        )
    return np.asarray(Rotation.from_quat(quaternions_BV).as_matrix(), dtype=np.float32).reshape(-1, 9)


def _read(path: Path) -> tuple[Dataset, NDArray[np.bool_]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            states, actions, dones = (file[name] for name in ARRAYS)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file.") from None
    except Exception:  # noqa: BLE001 - there are many ways to be no such file
        raise InputError(
            f"{path}: found no arrays {', '.join(ARRAYS)}, allowed is a .npz file that holds all three."
        ) from None
    rows = len(dones)
    if (states.ndim, actions.ndim, dones.shape) != (2, 2, (rows,)) or not rows == len(states) == len(actions) > 0:
        found = (states.shape, actions.shape, dones.shape)
        raise InputError(f"{path}: shapes found {found}, allowed are (B, S), (B, A) and (B,).")
    dataset = Dataset(states.astype(np.float32), actions.astype(np.float32))
    if not (np.isfinite(dataset.observations_B).all() and np.isfinite(dataset.actions_BA).all()):
        raise InputError(f"{path}: found values that are not finite, allowed are finite values only.")
    return dataset, dones.astype(bool)
