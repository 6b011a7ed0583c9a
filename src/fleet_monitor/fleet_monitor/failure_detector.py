"""The detector of failures: how likely imagined futures are steps before an intervention.

B robots or frames, W width of a latent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from typing_extensions import override

from fleet_contract.validation import InputError, StrictModel
from fleet_learning.labels import LEAD, Label
from fleet_learning.optimization import OnStep, OptimizerState
from fleet_monitor.detector import Detector
from fleet_monitor.dynamics import LatentDynamics
from fleet_monitor.episode import by_task
from fleet_monitor.failure_predictor import (
    FailurePredictor,
    FailurePredictorConfig,
    labelled_futures,
    new_failure_predictor,
    predictor_config,
)
from fleet_monitor.foresight import ForeseenEpisode, Foresight
from fleet_monitor.vote import TWO_OF_THREE, Vote
from fleet_monitor.world_model import WorldModel


class FailureConfig(StrictModel):
    """Size of the predictors, and how they learn."""

    predictor: FailurePredictorConfig
    lead: int = Field(default=LEAD, ge=1)
    """M, steps before an intervention or a failure that are relabelled."""
    steps: int = Field(default=150, ge=1)
    """Gradient steps per round and task."""
    taken: dict[str, int] = Field(default_factory=dict)
    """Gradient steps that the predictor of each task has taken."""


@dataclass(frozen=True)
class FailureDetector(Detector):
    """A predictor per task, which learns further from every round's episodes (FIREWORK, section 3.2.2)."""

    kind: ClassVar[str] = "failure"
    vote: ClassVar[Vote] = TWO_OF_THREE
    Config: ClassVar[type[StrictModel]] = FailureConfig

    config: FailureConfig
    dynamics: LatentDynamics
    """The world model's."""
    predictors: Mapping[str, FailurePredictor] = field(default_factory=dict)
    """By task."""

    @classmethod
    @override
    def untrained(cls, model: WorldModel, seed: int) -> Self:
        return cls(FailureConfig(predictor=predictor_config(model)), model.dynamics)

    @classmethod
    @override
    def restored(cls, config: FailureConfig, tensors: Mapping[str, Tensor], model: WorldModel) -> Self:
        predictors = {}
        for number, (task, steps) in enumerate(config.taken.items()):
            predictor = new_failure_predictor(config.predictor, model.dynamics, seed=0)
            prefix = f"{number}."
            predictor.net.load_state_dict(
                {name.removeprefix(prefix): own for name, own in tensors.items() if name.startswith(prefix)}
            )
            predictors[task] = replace(predictor, optimizer_state=OptimizerState(steps))
        return cls(config, model.dynamics, predictors)

    @override
    def tensors(self) -> dict[str, Tensor]:
        return {
            f"{number}.{name}": tensor
            for number, predictor in enumerate(self.predictors.values())
            for name, tensor in predictor.net.state_dict().items()
        }

    @override
    def fitted(self, episodes: Sequence[ForeseenEpisode], *, seed: int, on_step: OnStep | None = None) -> Self:
        predictors = dict(self.predictors)
        for task, own in by_task(episodes).items():
            try:
                futures = labelled_futures(own, self.config.lead)
            except InputError as error:
                if task in predictors:
                    continue  # There was hardly a failure to learn from in this round.
                raise InputError(f"failure: task {task}: {error}") from None
            before = predictors.get(task) or new_failure_predictor(self.config.predictor, self.dynamics, seed=seed)
            predictors[task], _ = before.fit(futures, steps=self.config.steps, seed=seed, on_step=on_step)
        taken = {task: predictor.optimizer_state.steps for task, predictor in predictors.items()}
        return replace(self, config=self.config.model_copy(update={"taken": taken}), predictors=predictors)

    @override
    def scores(self, foresight: Foresight) -> NDArray[np.float64]:
        scores_B = np.full(len(foresight.tasks), np.nan)
        for task in set(foresight.tasks):
            if task not in self.predictors:
                raise InputError(f"failure: tasks: expected one of {', '.join(self.predictors)}, got {task}.")
            rows = [row for row, name in enumerate(foresight.tasks) if name == task]
            sequences_BNSW = foresight.sequences_BNSW[torch.tensor(rows)]
            scores_B[rows] = self.predictors[task].probabilities(sequences_BNSW)[:, Label.PRE_INTERVENTION].numpy()
        return scores_B
