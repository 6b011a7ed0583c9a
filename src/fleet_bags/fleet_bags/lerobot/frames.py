"""Selects the samples that become frames of a LeRobotDataset, and computes the features of each.

B samples, F frames, E episodes, D dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet_bags.lerobot.layout import ACTION, SCALARS, STATE, fps_of
from fleet_bags.samples import Samples
from fleet_contract.action import ActionKind
from fleet_contract.validation import InputError


@dataclass(frozen=True)
class Frames:
    """Frames by episode: the samples of an attempt in which the robot moved and whose outcome is known."""

    samples: Samples
    rows_F: NDArray[np.int64]
    """Rows of the samples."""
    episodes_F: NDArray[np.int64]
    """Numbers of the episodes; an episode is a whole attempt, including its interventions."""

    @cached_property
    def bounds_E2(self) -> NDArray[np.int64]:  # noqa: N802 - shape suffix
        """First frame of every episode, and the frame after its last."""
        ends_E = np.bincount(self.episodes_F).cumsum()
        return np.stack([np.append(0, ends_E[:-1]), ends_E], axis=1)

    @cached_property
    def tasks(self) -> list[str]:
        """Names of all tasks, each once."""
        return list(dict.fromkeys(run.task for run in self.samples.metadata.runs))

    def task_of(self, episode: int) -> str:
        """Return the name of an episode's task."""
        row = self.rows_F[self.bounds_E2[episode, 0]]
        return self.samples.metadata.runs[int(self.samples.columns["runs"][row])].task

    @cached_property
    def numbers(self) -> Mapping[str, NDArray[Any]]:
        """All features except images, (F, D); the uncertainty only if the policy reported it at least once."""
        columns = {
            name: column[self.rows_F] for name, column in self.samples.columns.items() if name in _COLUMN_OF.values()
        }
        first_F = self.bounds_E2[self.episodes_F, 0]
        indices_F = np.arange(len(self.rows_F))
        tasks = [self.tasks.index(run.task) for run in self.samples.metadata.runs]
        features: dict[str, NDArray[Any]] = {
            "next.done": indices_F + 1 == self.bounds_E2[self.episodes_F, 1],
            "timestamp": (indices_F - first_F) / fps_of(self.samples.metadata.contract),
            "frame_index": indices_F - first_F,
            "episode_index": self.episodes_F,
            "index": indices_F,
            "task_index": np.array(tasks)[self.samples.columns["runs"][self.rows_F]],
        }
        features |= {feature: columns[name] for feature, name in _COLUMN_OF.items()}
        if np.isnan(features["uncertainty"]).all():
            del features["uncertainty"]
        types = {STATE: "float32", ACTION: "float32", **SCALARS}
        return {
            name: features[name].astype(dtype).reshape(len(indices_F), -1)
            for name, dtype in types.items()
            if name in features
        }


_COLUMN_OF = {
    STATE: "states",
    ACTION: "actions",
    "intervention": "shown",
    "source": "sources",
    "policy_version": "versions",
    "uncertainty": "uncertainties",
    "violated": "violated",
    "tick": "ticks",
    "next.reward": "rewards",
    "next.success": "succeeded",
}
"""Columns of samples by the feature that they become."""


def frames_of(samples: Samples) -> Frames:
    """Return the frames of a training set.

    Ticks at which a robot held or was hard reset are skipped: it stood still, and its action has no numbers.

    Raises:
        InputError: no robot moved.
    """
    columns = samples.columns
    is_frame_B = (columns["kinds"] == ActionKind.MOVE) & np.isfinite(columns["rewards"])
    rows_F = np.flatnonzero(is_frame_B)
    if not len(rows_F):
        raise InputError("kinds: expected at least one sample in which a robot moved, got none.")
    rows_F = rows_F[np.argsort(columns["attempts"][rows_F], kind="stable")]
    return Frames(samples, rows_F, np.unique(columns["attempts"][rows_F], return_inverse=True)[1].astype(np.int64))
