"""Recorded episodes, from which monitors learn and by which they are judged.

F frames of an episode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from fleet_learning.labels import LEAD, EpisodeEvents, Label, step_labels


class OfTask(Protocol):
    """Something that belongs to a task."""

    @property
    def task(self) -> str:
        """Name of the task."""


class Ended(Protocol):
    """Something that succeeded or not."""

    @property
    def succeeded(self) -> bool:
        """Whether it succeeded."""


OfTaskT = TypeVar("OfTaskT", bound=OfTask)
EndedT = TypeVar("EndedT", bound=Ended)


@dataclass(frozen=True)
class Episode:
    """What a robot observed in one episode, and what happened in it."""

    task: str
    observations_F: NDArray[np.generic]
    """Images (F, H, W, C) of 8-bit values; without a camera, states (F, S)."""
    events: EpisodeEvents
    """Events of the same frames."""

    @property
    def normal_F(self) -> NDArray[np.bool_]:  # noqa: N802 - shape suffix
        """Whether the policy drove, and no human was needed soon after, (F,)."""
        normal_F: NDArray[np.bool_] = step_labels(self.events, LEAD) == Label.NORMAL
        return normal_F

    @property
    def succeeded(self) -> bool:
        """Whether the episode succeeded."""
        return self.events.end == "success"


def help_ratio(episodes: Sequence[Episode]) -> float:
    """Return the share of all frames at which a human drove, p_H, 0 to 1; 0 without episodes."""
    human = [episode.events.human_T for episode in episodes]
    return float(np.concatenate(human).mean()) if human else 0.0


def by_task(episodes: Sequence[OfTaskT]) -> dict[str, list[OfTaskT]]:
    """Return the episodes of every task that has any, in the order of their first ones."""
    tasks: dict[str, list[OfTaskT]] = {}
    for episode in episodes:
        tasks.setdefault(episode.task, []).append(episode)
    return tasks


def calm(episodes: Sequence[EndedT]) -> Sequence[EndedT]:
    """Return the episodes of a task from which its thresholds are chosen: those that succeeded, or all if none did."""
    return [episode for episode in episodes if episode.succeeded] or episodes
