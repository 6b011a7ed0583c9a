"""Reads recorded demonstrations: observations, actions and the ends of episodes.

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
"""Number of components of a quaternion."""
NO_ROTATION = (0.0, 0.0, 0.0, 1.0)
NORM_TOLERANCE = 1e-3
"""Largest difference between 1 and the norm of a quaternion."""


@dataclass(frozen=True)
class Demonstrations:
    """The pairs of many episodes."""

    dataset: Dataset
    episodes_B: NDArray[np.int64]
    """Episode of each pair, from 0."""

    def split(self, share: float, seed: int) -> tuple[Dataset, Dataset]:
        """Return training pairs and held-out pairs: about `share` of the whole episodes are held out, at least one.

        Raises:
            ValueError: there is only one episode.
        """
        episodes = np.unique(self.episodes_B)
        if len(episodes) < 2:
            raise ValueError("expected at least two episodes to split, got one")
        held_out = np.random.default_rng(seed).permutation(episodes)[: max(1, round(share * len(episodes)))]
        held_B = np.isin(self.episodes_B, held_out)
        return self.dataset[~held_B], self.dataset[held_B]

    def with_rotation_matrices(self, places: Sequence[int]) -> Demonstrations:
        """Return demonstrations with observed quaternions (x, y, z, w) as rotation matrices, row by row.

        A quaternion and its negative are the same orientation, and a tilt is a product of its components, but a single entry
        of the matrix. Zeros, which simulators report before their first step, count as no rotation.

        Args:
            places: indices at which the quaternions begin in an observation.

        Raises:
            InputError: no quaternion begins at an index.
        """
        states_BS = self.dataset.observations_B
        columns = [states_BS[:, place : place + 1] for place in range(states_BS.shape[1])]
        for place in places:
            columns[place : place + QUATERNION] = [_matrices(states_BS, place), *[states_BS[:, :0]] * (QUATERNION - 1)]
        return replace(self, dataset=replace(self.dataset, observations_B=np.concatenate(columns, 1)))


def read_demonstrations(paths: Sequence[Path]) -> Demonstrations:
    """Read and concatenate .npz files with the arrays observations (B, S), actions (B, A) and dones (B,).

    Raises:
        InputError: a file is missing or has other content, or the dimensions of two files differ.
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
                f"{path}: expected {parts[0].observations_B.shape[1]} observation and {parts[0].actions_BA.shape[1]} action values, "
                f"as in {paths[0]}, got {part.observations_B.shape[1]} and {part.actions_BA.shape[1]}."
            )
        first = episodes[-1][-1] + 1 if episodes else 0
        parts.append(part)
        episodes.append(first + np.concatenate([[0], np.cumsum(dones_B)[:-1]]))
    return Demonstrations(sum(parts[1:], parts[0]), np.concatenate(episodes))


def _matrices(states_BS: NDArray[np.float32], place: int) -> NDArray[np.float32]:
    values_BV = states_BS[:, place : place + QUATERNION].astype(np.float64)
    quaternions_BV = np.where(values_BV.any(1, keepdims=True), values_BV, NO_ROTATION[: values_BV.shape[1]])
    if values_BV.shape[1] < QUATERNION or (np.abs(np.linalg.norm(quaternions_BV, axis=1) - 1) > NORM_TOLERANCE).any():
        raise InputError(
            f"--rotation: expected an index in the observations at which {QUATERNION} values form a unit quaternion, got {place}."
        )
    return np.asarray(Rotation.from_quat(quaternions_BV).as_matrix(), dtype=np.float32).reshape(-1, 9)


def _read(path: Path) -> tuple[Dataset, NDArray[np.bool_]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            states, actions, dones = (file[name] for name in ARRAYS)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file.") from None
    except Exception:  # noqa: BLE001 - np.load raises many kinds of errors for other files
        raise InputError(
            f"{path}: expected a .npz file with the arrays {', '.join(ARRAYS)}, got a file without them."
        ) from None
    rows = len(dones)
    if (states.ndim, actions.ndim, dones.shape) != (2, 2, (rows,)) or not rows == len(states) == len(actions) > 0:
        shapes = (states.shape, actions.shape, dones.shape)
        raise InputError(f"{path}: expected arrays of shapes (B, S), (B, A) and (B,), got {shapes}.")
    dataset = Dataset(states.astype(np.float32), actions.astype(np.float32))
    if not (np.isfinite(dataset.observations_B).all() and np.isfinite(dataset.actions_BA).all()):
        raise InputError(f"{path}: expected finite values, got values that are not finite.")
    return dataset, dones.astype(bool)
