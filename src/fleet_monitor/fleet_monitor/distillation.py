"""The detector of latents that a network has not learned to predict. B robots or frames, W width of a latent, K outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from typing_extensions import override

from fleet_contract.validation import InputError, StrictModel
from fleet_learning.optimization import OnStep, OptimizerConfig, OptimizerState, optimize
from fleet_learning.randomness import torch_generator
from fleet_monitor.detector import Detector
from fleet_monitor.foresight import ForeseenEpisode, Foresight
from fleet_monitor.latent_sample import LatentSample, empty_sample
from fleet_monitor.world_model import WorldModel

OPTIMIZER = OptimizerConfig(batch_size=128, learning_rate=1e-3, decay=0.98)
"""How the predictor learns."""


class DistillationConfig(StrictModel):
    """Size of the networks, and how long the predictor learns."""

    latent: int
    """Width of a latent, W."""
    width: int = Field(default=128, ge=1)
    """Units per hidden layer."""
    outputs: int = Field(default=32, ge=1)
    """Random features of a latent, K."""
    steps: int = Field(default=600, ge=1)
    """Gradient steps per round."""
    taken: int = 0
    """Gradient steps that the predictor has taken."""
    seen: int = 0
    """Latents that were seen in all rounds."""


@dataclass(frozen=True)
class DistillationDetector(Detector):
    """Random network distillation (Burda et al. 2018): the squared error at which a network predicts another one, random and fixed.

    It sees latents of the present images, of all tasks alike, and learns from frames of episodes that did not fail.
    """

    kind: ClassVar[str] = "distillation"
    Config: ClassVar[type[StrictModel]] = DistillationConfig

    config: DistillationConfig
    mean_W: Tensor
    std_W: Tensor
    target: nn.Sequential
    predictor: nn.Sequential
    remembered: LatentSample
    """What is remembered of the latents of all rounds."""

    @classmethod
    @override
    def untrained(cls, model: WorldModel, seed: int) -> Self:
        config = DistillationConfig(latent=model.config.autoencoder.latent)
        nothing = empty_sample(config.latent)
        return cls(config, model.dynamics.mean_W, model.dynamics.std_W, *_networks(config, seed), nothing)

    @classmethod
    @override
    def restored(cls, config: DistillationConfig, tensors: Mapping[str, Tensor], model: WorldModel) -> Self:
        target, predictor = _networks(config, 0)
        for prefix, net in (("target.", target), ("predictor.", predictor)):
            net.load_state_dict(
                {name.removeprefix(prefix): own for name, own in tensors.items() if name.startswith(prefix)}
            )
        remembered = LatentSample(tensors["remembered"], config.seen) if config.seen else empty_sample(config.latent)
        return cls(config, model.dynamics.mean_W, model.dynamics.std_W, target, predictor, remembered)

    @override
    def tensors(self) -> dict[str, Tensor]:
        nets = {"target": self.target, "predictor": self.predictor}
        parameters = {f"{part}.{name}": own for part, net in nets.items() for name, own in net.state_dict().items()}
        return parameters | {"remembered": self.remembered.latents_mW}

    @override
    def fitted(self, episodes: Sequence[ForeseenEpisode], *, seed: int, on_step: OnStep | None = None) -> Self:
        calm = [one.foresight.latents_BW for one in episodes if one.episode.events.end != "failure"]
        if not calm:
            if self.config.taken:
                return self
            raise InputError("distillation: expected at least one episode that did not fail, got none.")
        latents_BW, predictor = torch.cat(calm), deepcopy(self.predictor)
        inputs_BW = self._inputs(torch.cat([self.remembered.latents_mW, latents_BW]))
        with torch.no_grad():
            features_BK = self.target(inputs_BW)

        def loss(batch: Tensor, _: torch.Generator) -> tuple[Tensor, Mapping[str, Tensor]]:
            error = (predictor(inputs_BW[batch[0]]) - features_BK[batch[0]]).square().mean()
            return error, {"feature error": error.detach()}

        state, _ = optimize(
            list(predictor.parameters()),
            loss,
            [np.arange(len(inputs_BW))],
            OPTIMIZER,
            OptimizerState(self.config.taken),
            steps=self.config.steps,
            seed=seed,
            on_step=on_step,
            resume_path=None,
            identity=tuple,
        )
        remembered = self.remembered.with_more(latents_BW, torch_generator(seed))
        config = self.config.model_copy(update={"taken": state.steps, "seen": remembered.seen})
        return replace(self, config=config, predictor=predictor, remembered=remembered)

    @override
    @torch.no_grad()
    def scores(self, foresight: Foresight) -> NDArray[np.float64]:
        inputs_BW = self._inputs(foresight.latents_BW)
        errors_BK = self.predictor(inputs_BW) - self.target(inputs_BW)
        errors: NDArray[np.float64] = errors_BK.square().mean(1).double().numpy()
        return errors

    def _inputs(self, latents_BW: Tensor) -> Tensor:
        return (latents_BW - self.mean_W) / self.std_W


def _networks(config: DistillationConfig, seed: int) -> tuple[nn.Sequential, nn.Sequential]:
    """Return the target, and the predictor, which is one layer deeper."""
    width = config.width
    with torch.random.fork_rng():  # modules draw their initial weights from the global random state
        torch.manual_seed(seed)
        target = nn.Sequential(nn.Linear(config.latent, width), nn.ReLU(), nn.Linear(width, config.outputs))
        predictor = nn.Sequential(
            nn.Linear(config.latent, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, config.outputs),
        )
    return target.requires_grad_(False), predictor
