"""Recorded demonstrations: observations, actions and where episodes end.

B pairs, S state dim, A action dim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fleet_contract.door import BadInput
from iifl_policy.dataset import Dataset

ARRAYS = ("observations", "actions", "dones")


@dataclass(frozen=True)
class Recording:
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


def read_recordings(paths: Sequence[Path]) -> Recording:
    """Recordings in .npz files with the arrays observations (B, S), actions (B, A) and dones (B,), one after the other.

    Raises:
        BadInput: a file is missing or holds something else, or the files' dimensions differ.
    """
    parts: list[Dataset] = []
    episodes: list[NDArray[np.int64]] = []
    for path in paths:
        part, dones_B = _read(path)
        if parts and (part.states_BS.shape[1:], part.actions_BA.shape[1:]) != (
            parts[0].states_BS.shape[1:],
            parts[0].actions_BA.shape[1:],
        ):
            raise BadInput(
                f"{path}: found {part.states_BS.shape[1]} observation and {part.actions_BA.shape[1]} action values, allowed "
                f"are as many as in {paths[0]} ({parts[0].states_BS.shape[1]} and {parts[0].actions_BA.shape[1]})."
            )
        first = episodes[-1][-1] + 1 if episodes else 0
        parts.append(part)
        episodes.append(first + np.concatenate([[0], np.cumsum(dones_B)[:-1]]))
    return Recording(sum(parts[1:], parts[0]), np.concatenate(episodes))


def _read(path: Path) -> tuple[Dataset, NDArray[np.bool_]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            states, actions, dones = (file[name] for name in ARRAYS)
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file.") from None
    except Exception:  # noqa: BLE001 - there are many ways to be no such file
        raise BadInput(
            f"{path}: found no arrays {', '.join(ARRAYS)}, allowed is a .npz file that holds all three."
        ) from None
    rows = len(dones)
    if (states.ndim, actions.ndim, dones.shape) != (2, 2, (rows,)) or not rows == len(states) == len(actions) > 0:
        found = (states.shape, actions.shape, dones.shape)
        raise BadInput(f"{path}: shapes found {found}, allowed are (B, S), (B, A) and (B,).")
    dataset = Dataset(states.astype(np.float32), actions.astype(np.float32))
    if not (np.isfinite(dataset.states_BS).all() and np.isfinite(dataset.actions_BA).all()):
        raise BadInput(f"{path}: found values that are not finite, allowed are finite values only.")
    return dataset, dones.astype(bool)
