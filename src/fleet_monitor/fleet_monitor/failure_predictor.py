"""The failure predictor: whether imagined futures look like steps before an intervention.

F frames, B robots, N imagined futures, L steps of a future, W width of a latent, X futures with labels; three classes of steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy

from fleet_contract.validation import InputError, StrictModel, validated
from fleet_learning.optimization import OnStep, OptimizerConfig, OptimizerState, optimize
from fleet_learning.tensor_file import parsed, read_tensors, write_tensors
from fleet_monitor.digest import digest_of
from fleet_monitor.dynamics import DynamicsShape, Transformer
from fleet_monitor.labels import Label, balanced_rows
from fleet_monitor.world_model import WorldModel, require_windows, require_world_model

FORMAT = "fleet-failure-predictor-1"
"""Format name and version, in the header of every file of a predictor."""
FEWEST_FRAMES = 10
"""Frames before interventions that a training needs at least."""


@dataclass(frozen=True)
class FailurePredictorConfig:
    """Size of a failure predictor, and how it learns."""

    latent: int
    """Width of a latent, W."""
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
    """Imagined futures, and what really followed."""

    latents_XLW: Tensor
    labels_XL: NDArray[np.int64]
    """Label of every step, from `fleet_monitor.labels`."""


@dataclass(frozen=True)
class FailurePredictor:
    """Classifies every step of an imagined future of one task. Immutable: training returns another one.

    Source: FIREWORK, section 3.2.2 (failure prediction). The published code also sees actions, future ones in training and past
    ones in operation; here, as in the paper, there are only latents.
    """

    config: FailurePredictorConfig
    net: Transformer
    mean_W: Tensor
    """Mean of the world model's latents in its training data."""
    std_W: Tensor
    """Standard deviation of the same."""
    optimizer_state: OptimizerState = OptimizerState()

    @torch.no_grad()
    def probabilities(self, futures_BNLW: Tensor) -> Tensor:
        """Return the probabilities (B, 3) of the classes of `Label`: means over all futures and their steps.

        The paper averages labels over the futures (section 3.2.3). The published code averages logits of the last two steps, so
        that a single future can outvote all others. The probability of `Label.PRE_INTERVENTION` is the signal `failure`.
        """
        robots, futures = futures_BNLW.shape[:2]
        probabilities_XL3 = torch.softmax(self.net(self._inputs(futures_BNLW.flatten(0, 1))), -1)
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

        The loss is the cross-entropy of all steps. Sampling is balanced by the label of a future's last step, as in the published
        code.

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
        net, inputs_XLW = deepcopy(self.net), self._inputs(futures.latents_XLW)
        labels_XL = torch.from_numpy(futures.labels_XL)

        def loss(batch: Tensor, _: torch.Generator) -> tuple[Tensor, Mapping[str, Tensor]]:
            rows = batch[0]
            entropy = cross_entropy(net(inputs_XLW[rows]).flatten(0, 1), labels_XL[rows].flatten())
            return entropy, {"cross-entropy": entropy.detach()}

        optimizer_state, entropy = optimize(
            list(net.parameters()),
            loss,
            [balanced_rows(futures.labels_XL[:, -1])],
            self.config.optimizer,
            self.optimizer_state,
            steps=steps,
            seed=seed,
            on_step=on_step,
            resume_path=resume_path,
            identity=lambda: (self.config, digest_of(self.net), digest_of(inputs_XLW), digest_of(labels_XL)),
        )
        return replace(self, net=net, optimizer_state=optimizer_state), entropy

    def _inputs(self, latents_XLW: Tensor) -> Tensor:
        return (latents_XLW - self.mean_W) / self.std_W


def labelled_futures(
    model: WorldModel, latents: Sequence[Tensor], labels: Sequence[NDArray[np.int64]], generator: torch.Generator
) -> LabelledFutures:
    """Return imagined futures of recorded episodes with the labels of the steps that really followed.

    The predictor is to judge imagined latents, so it learns from imagined ones. Futures that differ share their labels.

    Args:
        model: the world model.
        latents: latents (F, W) of every episode.
        labels: labels (F,) of every episode.
        generator: source of all random numbers.

    Raises:
        InputError: there are too few frames before an intervention to learn from, or no episode is long enough.
    """
    before = sum(int((labels_F == Label.PRE_INTERVENTION).sum()) for labels_F in labels)
    if before < FEWEST_FRAMES:
        raise InputError(f"labels: expected at least {FEWEST_FRAMES} frames before an intervention, got {before}.")
    context, horizon = model.config.dynamics.context, model.config.dynamics.horizon
    all_FW, windows = torch.cat(list(latents)), require_windows(latents, context + horizon)[:, None]
    futures_BNLW = model.imagine(all_FW[torch.from_numpy(windows + np.arange(context))], generator)
    labels_BL = np.concatenate(list(labels))[windows + context + np.arange(horizon)]
    return LabelledFutures(futures_BNLW.flatten(0, 1), labels_BL.repeat(model.config.futures, 0))


def new_failure_predictor(model: WorldModel, *, seed: int) -> FailurePredictor:
    """Return an untrained predictor of the size of the world model's dynamics."""
    shape = model.config.dynamics
    config = FailurePredictorConfig(
        model.config.autoencoder.latent, shape.horizon, shape.embedding, shape.layers, shape.heads
    )
    return _predictor(config, model.dynamics.mean_W.clone(), model.dynamics.std_W.clone(), seed)


class FailurePredictorMetadata(StrictModel):
    """Describes the predictor in a file."""

    config: FailurePredictorConfig
    world_model: str
    """Digest of the world model that imagines the futures."""
    task: str
    gradient_steps: int = Field(ge=0)


def write_failure_predictor(path: Path, predictor: FailurePredictor, *, world_model: str, task: str) -> None:
    """Write a predictor, whole or not at all.

    Args:
        path: the file.
        predictor: the predictor.
        world_model: digest of the world model that imagines the futures.
        task: the task that it has learned.
    """
    metadata = FailurePredictorMetadata(
        config=predictor.config, world_model=world_model, task=task, gradient_steps=predictor.optimizer_state.steps
    )
    tensors = {f"net.{name}": tensor for name, tensor in predictor.net.state_dict().items()}
    tensors |= {"mean": predictor.mean_W, "std": predictor.std_W}
    write_tensors(path, tensors, metadata.model_dump_json(), kind=FORMAT)


def read_failure_predictor(path: Path, *, world_model: str, task: str) -> FailurePredictor:
    """Read a predictor.

    Args:
        path: the file.
        world_model: digest of the world model that imagines the futures.
        task: the task that it must have learned.

    Raises:
        InputError: the file is missing, truncated, modified or no predictor, or belongs to another world model or task.
    """
    tensors, about = read_tensors(path, kind=FORMAT)
    metadata = validated(parsed(about), FailurePredictorMetadata, source=f"{path} (about)")
    require_world_model(metadata.world_model, world_model, owner=str(path))
    if metadata.task != task:
        raise InputError(f"{path}: task: expected {task}, got {metadata.task}.")
    try:
        predictor = _predictor(metadata.config, tensors.pop("mean"), tensors.pop("std"), seed=0)
        predictor.net.load_state_dict({name.removeprefix("net."): tensor for name, tensor in tensors.items()})
    except (KeyError, RuntimeError):
        raise InputError(f"{path}: expected the tensors of the predictor's config, got others.") from None
    return replace(predictor, optimizer_state=OptimizerState(metadata.gradient_steps))


def _predictor(config: FailurePredictorConfig, mean_W: Tensor, std_W: Tensor, seed: int) -> FailurePredictor:
    shape = DynamicsShape(config.embedding, config.layers, config.heads)
    with torch.random.fork_rng():  # modules draw their initial weights from the global random state
        torch.manual_seed(seed)
        net = Transformer(shape, config.latent, config.horizon, len(Label))
    return FailurePredictor(config, net.eval(), mean_W, std_W)
