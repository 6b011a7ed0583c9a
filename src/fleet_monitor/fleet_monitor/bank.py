"""The novelty bank: how far imagined futures are from what was seen of their task.

B robots or windows of frames, N imagined futures, L steps of a future, W width of a latent, K dimensions, C centres of a task.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy.cluster.vq import kmeans2
from torch import Tensor

from fleet_contract.validation import InputError, StrictModel
from fleet_learning.randomness import torch_generator
from fleet_monitor.latent_sample import LatentSample, empty_sample

STARTS = 5
"""Random starts of k-means, of which the best is kept: a single one often misses a cluster."""
ITERATIONS = 50
"""Iterations of k-means from each start."""


class BankConfig(StrictModel):
    """Size of a bank. The paper gives no sizes; its published code has 100 dimensions and 500 centres of latents 14,112 wide."""

    dimensions: int = Field(default=16, ge=1)
    """Principal components that are kept, K; at most the width of a latent."""
    centres: int = Field(default=64, ge=1)
    """Centres per task, C."""


@dataclass(frozen=True)
class NoveltyBank:
    """Centres of the latents of every task, in principal components that all tasks share. Immutable: learning returns another one.

    The components stay those of the first round. The paper does not say whether it computes them again; this way, distances and
    thresholds of tasks without episodes in a round do not change, and what is remembered of a latent are K numbers.

    Source: FIREWORK, section 3.2.2 (out-of-distribution prediction).
    """

    config: BankConfig
    mean_W: Tensor
    components_WK: Tensor
    """Orthonormal columns."""
    centres: Mapping[str, Tensor]
    """Centres (C, K) by task."""
    remembered: Mapping[str, LatentSample]
    """By task, what is remembered of the latents of all rounds, in the components, K wide."""

    def fitted(self, latents: Mapping[str, Tensor], *, seed: int) -> NoveltyBank:
        """Return the bank that has also seen the latents of another round. Tasks without any keep their centres.

        Args:
            latents: latents (n, W) by task. Keep some back for the threshold.
            seed: seed of samples and first centres.

        Raises:
            InputError: there are fewer different latents of a task than centres.
        """
        generator = torch_generator(seed)
        nothing = empty_sample(self.config.dimensions)
        remembered = {
            task: self.remembered.get(task, nothing).with_more((own_nW - self.mean_W) @ self.components_WK, generator)
            for task, own_nW in latents.items()
        }
        projected = {task: sample.latents_mW.double() for task, sample in remembered.items()}
        return replace(
            self,
            centres={**self.centres, **_clustered(projected, self.config, seed)},
            remembered={**self.remembered, **remembered},
        )

    def novelties(self, futures_BNLW: Tensor, tasks: Sequence[str]) -> Tensor:
        """Return the mean distance (B,) of all latents of the imagined futures to their nearest centre.

        Section 3.2.2 of the paper takes the last latent of a future, section 3.2.3 averages over a future's states, and the
        published code weights late states more. Here all states count equally, as in section 3.2.3.

        Args:
            futures_BNLW: imagined latents.
            tasks: each robot's task, B names.

        Raises:
            InputError: there are no centres of a task.
        """
        self.require(tasks)
        projected = (futures_BNLW - self.mean_W) @ self.components_WK
        novelties_B = projected.new_empty(len(tasks))
        for task in set(tasks):
            own = [row for row, name in enumerate(tasks) if name == task]
            distances = torch.cdist(projected[own].flatten(0, 2), self.centres[task])
            novelties_B[own] = distances.amin(1).view(len(own), -1).mean(1)
        return novelties_B

    def require(self, tasks: Iterable[str]) -> None:
        """Refuse tasks of which nothing was seen.

        Raises:
            InputError: there are no centres of a task.
        """
        for task in tasks:
            if task not in self.centres:
                raise InputError(f"novelty bank: tasks: expected one of {', '.join(self.centres)}, got {task}.")


def fit_bank(latents: Mapping[str, Tensor], config: BankConfig, *, seed: int) -> NoveltyBank:
    """Return the bank of the latents of a first round.

    The published code fills its bank with latents of real frames and asks it about imagined ones, which differ. Give imagined
    latents here, so that what is normal is near.

    Args:
        latents: latents (n, W) by task. Keep some back for the threshold.
        config: size of the bank.
        seed: seed of samples and first centres.

    Raises:
        InputError: there are fewer different latents of a task than centres, or a latent is narrower than `dimensions`.
    """
    if not latents:
        raise InputError("novelty bank: tasks: expected at least one, got none.")
    for own_nW in latents.values():
        if own_nW.shape[1] < config.dimensions:
            raise InputError(
                f"novelty bank: dimensions: expected at most {own_nW.shape[1]}, as latents have, got {config.dimensions}."
            )
    generator = torch_generator(seed)
    drawn = {task: empty_sample(own_nW.shape[1]).with_more(own_nW, generator) for task, own_nW in latents.items()}
    all_nW = torch.cat([sample.latents_mW for sample in drawn.values()]).double()
    mean_W = all_nW.mean(0)
    # Eigenvalues ascend.
    _, vectors_WW = torch.linalg.eigh((all_nW - mean_W).T @ (all_nW - mean_W))
    components_WK = vectors_WW[:, -config.dimensions :].flip(1)
    projected = {task: (sample.latents_mW.double() - mean_W) @ components_WK for task, sample in drawn.items()}
    return NoveltyBank(
        config,
        mean_W.float(),
        components_WK.float().contiguous(),
        _clustered(projected, config, seed),
        {task: LatentSample(own_mK.float(), drawn[task].seen) for task, own_mK in projected.items()},
    )


def _clustered(projected: Mapping[str, Tensor], config: BankConfig, seed: int) -> dict[str, Tensor]:
    """Return the centres (C, K) of latents (m, K) by task.

    Raises:
        InputError: there are fewer different latents of a task than centres.
    """
    generator = np.random.default_rng(seed)
    centres = {}
    for task, own_mK in projected.items():
        if (different := len(np.unique(own_mK.numpy(), axis=0))) < config.centres:
            raise InputError(
                f"novelty bank: task {task}: expected at least {config.centres} different latents, got {different}."
            )
        starts = [_centres(own_mK.numpy(), config.centres, generator) for _ in range(STARTS)]
        centres[task] = torch.from_numpy(min(starts, key=lambda start: start[0])[1]).float()
    return centres


def _centres(
    latents_nK: NDArray[np.float64], centres: int, generator: np.random.Generator
) -> tuple[float, NDArray[np.float64]]:
    """Return the squared distance of all latents to their nearest centre, and the centres (C, K), of one k-means."""
    with warnings.catch_warnings():
        # A cluster that has lost all its latents keeps its centre, which does no harm.
        warnings.filterwarnings("ignore", message="One of the clusters is empty")
        centres_CK, labels_n = kmeans2(latents_nK, centres, iter=ITERATIONS, minit="++", rng=generator)
    return float(np.square(latents_nK - centres_CK[labels_n]).sum()), centres_CK
