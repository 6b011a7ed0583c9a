"""What detectors see: observations, their latents, and the futures that a world model imagines of them.

B robots or frames, W width of a latent, T frames of context, N imagined futures, L imagined steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fleet_contract.validation import InputError
from fleet_learning.labels import Label, step_labels
from fleet_monitor.episode import Episode
from fleet_monitor.world_model import WorldModel

UNKNOWN = -1
"""Label of a frame of which nothing is known."""


@dataclass(frozen=True)
class Foresight:
    """One imagination, which all detectors share."""

    model: WorldModel
    tasks: tuple[str, ...]
    """Task of every robot, (B,)."""
    observations_B: NDArray[np.generic]
    """Images (B, H, W, C), or states (B, S)."""
    contexts_BTW: Tensor
    """Latents of the last T frames, of which the observations are the last ones."""
    futures_BNLW: Tensor
    """Latents of the imagined frames that follow."""

    @property
    def latents_BW(self) -> Tensor:  # noqa: N802 - shape suffix
        """Latents of the observations."""
        return self.contexts_BTW[:, -1]

    @property
    def sequences_BNSW(self) -> Tensor:  # noqa: N802 - shape suffix
        """Every future behind its context: S = T + L frames."""
        contexts_BNTW = self.contexts_BTW[:, None].expand(-1, self.futures_BNLW.shape[1], -1, -1)
        return torch.cat([contexts_BNTW, self.futures_BNLW], 2)


@dataclass(frozen=True)
class ForeseenEpisode:
    """An episode, and what was imagined at each of its frames from the T-th on."""

    episode: Episode
    foresight: Foresight
    """One row per such frame."""

    @property
    def task(self) -> str:
        """Task of the episode."""
        return self.episode.task

    def labels(self, lead: int) -> NDArray[np.int64]:
        """Return the labels (B, L) of the frames that really followed each row's frame.

        After its last frame a failed episode goes on as before its failure, and a successful one as normal. What follows a
        truncated recording is unknown: UNKNOWN.

        Args:
            lead: number of steps before an intervention or a failure that are relabelled (`labels.step_labels`).
        """
        horizon, context = self.foresight.futures_BNLW.shape[2], self._context
        end = self.episode.events.end
        beyond = {"failure": Label.PRE_INTERVENTION, "success": Label.NORMAL, "truncated": UNKNOWN}[end]
        labels_F = np.concatenate([step_labels(self.episode.events, lead), np.full(horizon, beyond)])
        labels_BL: NDArray[np.int64] = labels_F[
            context + np.arange(len(self.foresight.tasks))[:, None] + np.arange(horizon)
        ]
        return labels_BL

    @property
    def normal_F(self) -> NDArray[np.bool_]:  # noqa: N802 - shape suffix
        """Whether the policy drove, and no human was needed soon after, (F,)."""
        return self.episode.normal_F

    @property
    def succeeded(self) -> bool:
        """Whether the episode succeeded."""
        return self.episode.succeeded

    def over_frames(self, scores_B: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return scores (F,) of all frames, NaN for those before there was a context."""
        return np.concatenate([np.full(self._context - 1, np.nan), scores_B])

    @property
    def _context(self) -> int:
        return len(self.episode.observations_F) - len(self.foresight.tasks) + 1


def foresee(model: WorldModel, episodes: Sequence[Episode], generator: torch.Generator) -> list[ForeseenEpisode]:
    """Imagine futures at every frame of episodes that has a context; shorter episodes are left out.

    Raises:
        InputError: no episode is long enough, or the observations have another shape than those that the model has learned.
    """
    foreseen = list(foresee_each(model, episodes, generator))
    if not foreseen:
        context = model.config.dynamics.context
        raise InputError(f"episodes: expected at least one of {context} frames or more, got none.")
    return foreseen


def foresee_each(
    model: WorldModel, episodes: Sequence[Episode], generator: torch.Generator
) -> Iterator[ForeseenEpisode]:
    """Yield the same one after the other; nothing if no episode is long enough.

    Raises:
        InputError: the observations have another shape than those that the model has learned.
    """
    context = model.config.dynamics.context
    for episode in episodes:
        if len(episode.observations_F) < context:
            continue
        latents_FW = model.encode(episode.observations_F)
        contexts_BTW = latents_FW.unfold(0, context, 1).transpose(1, 2)
        foresight = Foresight(
            model,
            (episode.task,) * len(contexts_BTW),
            episode.observations_F[context - 1 :],
            contexts_BTW,
            model.imagine(contexts_BTW, generator),
        )
        yield ForeseenEpisode(episode, foresight)
