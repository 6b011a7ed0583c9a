"""The failure predictor: whether imagined futures look like steps before an intervention.

F frames, B robots, N imagined futures, T frames of context, L steps of a future, S = T + L, W width of a latent, X futures with
labels; three classes of steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from fleet_contract.validation import InputError
from fleet_learning.labels import Label, balanced_rows, step_labels
from fleet_learning.optimization import OnStep, OptimizerConfig, OptimizerState, optimize
from fleet_monitor.digest import digest_of
from fleet_monitor.dynamics import DynamicsShape, LatentDynamics, Transformer
from fleet_monitor.foresight import UNKNOWN, ForeseenEpisode
from fleet_monitor.world_model import WorldModel

FEWEST_FRAMES = 10
"""Frames before interventions and failures that a training needs at least."""


@dataclass(frozen=True)
class FailurePredictorConfig:
    """Size of a failure predictor, and how it learns."""

    latent: int
    """Width of a latent, W."""
    context: int
    """Frames before a future, T."""
    horizon: int
    """Steps of a future, L."""
    embedding: int
    """Width of the transformer; a multiple of the heads."""
    layers: int
    heads: int
    """Attention heads per layer."""
    optimizer: OptimizerConfig = OptimizerConfig(batch_size=64, learning_rate=1e-3, decay=0.98)


@dataclass(frozen=True)
class LabelledFutures:
    """Imagined futures behind their contexts, and what really followed."""

    latents_XSW: Tensor
    labels_XL: NDArray[np.int64]
    """Label of every step, from `fleet_learning.labels`, or UNKNOWN: the step does not count."""


@dataclass(frozen=True)
class FailurePredictor:
    """Classifies every step of an imagined future of one task. Immutable: training returns another one.

    Source: FIREWORK, section 3.2.2 (failure prediction). The paper's predictor sees the latents of the futures alone. This one also
    sees the frames before them, so that what the world model cannot imagine precisely, such as a finger that hardly moves, is
    not lost; and of all these frames only the motion (`LatentDynamics.motion`): from the latents themselves it would learn the
    few episodes of a round by heart. The published code also sees actions, future ones in training and past ones in operation;
    here, as in the paper, there are none.
    """

    config: FailurePredictorConfig
    net: Transformer
    dynamics: LatentDynamics
    """The world model's, which makes the tokens."""
    optimizer_state: OptimizerState = OptimizerState()

    @torch.no_grad()
    def probabilities(self, sequences_BNSW: Tensor) -> Tensor:
        """Return the probabilities (B, 3) of the classes of `Label`: means over all futures and their steps.

        The paper averages labels over the futures (section 3.2.3). The published code averages logits of the last two steps, so
        that a single future can outvote all others. The probability of `Label.PRE_INTERVENTION` is the signal `failure`.
        """
        robots, futures = sequences_BNSW.shape[:2]
        probabilities_XL3 = torch.softmax(self._logits(self.net, self._tokens(sequences_BNSW.flatten(0, 1))), -1)
        return probabilities_XL3.view(robots, futures, self.config.horizon, len(Label)).mean((1, 2))

    def fit(
        self,
        futures: LabelledFutures,
        *,
        steps: int,
        seed: int,
        on_step: OnStep | None = None,
        resume_path: Path | None = None,
    ) -> tuple[FailurePredictor, float]:
        """Train further and return the trained predictor; this one does not change.

        The loss is the cross-entropy of all steps with labels. Sampling is balanced by the label of a future's last step with one,
        as in the published code.

        Args:
            futures: labelled futures of the last round, from `labelled_futures`.
            steps: number of gradient steps.
            seed: seed of the batches.
            on_step: called after every step.
            resume_path: file from which an interrupted training resumes; it is removed when the training is complete.

        Returns:
            The trained predictor, and the mean cross-entropy of the last tenth of the steps, nats.

        Raises:
            InputError: `resume_path` belongs to another training.
        """
        net, latents_XSW = deepcopy(self.net), futures.latents_XSW
        labels_XL = torch.from_numpy(futures.labels_XL)

        def loss(batch: Tensor, _: torch.Generator) -> tuple[Tensor, Mapping[str, Tensor]]:
            rows = batch[0]
            entropy = cross_entropy(
                self._logits(net, self._tokens(latents_XSW[rows])).flatten(0, 1),
                labels_XL[rows].flatten(),
                ignore_index=UNKNOWN,
            )
            return entropy, {"cross-entropy": entropy.detach()}

        optimizer_state, entropy = optimize(
            list(net.parameters()),
            loss,
            [_balanced_rows(futures.labels_XL)],
            self.config.optimizer,
            self.optimizer_state,
            steps=steps,
            seed=seed,
            on_step=on_step,
            resume_path=resume_path,
            identity=lambda: (self.config, digest_of(self.net), digest_of(latents_XSW), digest_of(labels_XL)),
        )
        return replace(self, net=net, optimizer_state=optimizer_state), entropy

    def _logits(self, net: Transformer, tokens: Tensor) -> Tensor:
        """Return the logits (X, L, 3) of the imagined steps."""
        logits_XS3: Tensor = net(tokens)
        return logits_XS3[:, -self.config.horizon :]

    def _tokens(self, latents_XSW: Tensor) -> Tensor:
        return self.dynamics.motion(latents_XSW, self.config.context - 1)


def labelled_futures(foreseen: Sequence[ForeseenEpisode], lead: int) -> LabelledFutures:
    """Return the futures that were imagined in recorded episodes, with the labels of the steps that really followed.

    The predictor is to judge imagined latents, so it learns from imagined ones. Futures that differ share their labels.

    Args:
        foreseen: episodes of one task.
        lead: number of steps before an intervention or a failure that are relabelled.

    Raises:
        InputError: there are too few steps before an intervention or a failure to learn from.
    """
    events = [step_labels(one.episode.events, lead) for one in foreseen]
    before = sum(int((labels_F == Label.PRE_INTERVENTION).sum()) for labels_F in events)
    if before < FEWEST_FRAMES:
        raise InputError(f"expected at least {FEWEST_FRAMES} frames before an intervention or a failure, got {before}.")
    sequences_BNSW = torch.cat([one.foresight.sequences_BNSW for one in foreseen])
    labels_BL = np.concatenate([one.labels(lead) for one in foreseen])
    return LabelledFutures(sequences_BNSW.flatten(0, 1), labels_BL.repeat(sequences_BNSW.shape[1], 0))


def predictor_config(model: WorldModel) -> FailurePredictorConfig:
    """Return the size of the predictors for a world model: half as wide and deep as its dynamics, because every task has one."""
    shape = model.config.dynamics
    layers = max(1, shape.layers // 2)
    return FailurePredictorConfig(
        model.config.autoencoder.latent, shape.context, shape.horizon, shape.embedding // 2, layers, shape.heads
    )


def new_failure_predictor(config: FailurePredictorConfig, dynamics: LatentDynamics, *, seed: int) -> FailurePredictor:
    """Return an untrained predictor for the latents of a world model with these dynamics."""
    shape = DynamicsShape(config.embedding, config.layers, config.heads)
    with torch.random.fork_rng():  # modules draw their initial weights from the global random state
        torch.manual_seed(seed)
        net = Transformer(shape, 2 * config.latent, config.context + config.horizon, len(Label))
    return FailurePredictor(config, net.eval(), dynamics)


def _balanced_rows(labels_XL: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return indices of futures, balanced by their last known label; futures without any are left out."""
    known_XL = labels_XL != UNKNOWN
    rows = np.flatnonzero(known_XL.any(1))
    last = labels_XL.shape[1] - 1 - known_XL[rows, ::-1].argmax(1)
    balanced: NDArray[np.int64] = rows[balanced_rows(labels_XL[rows, last])]
    return balanced
