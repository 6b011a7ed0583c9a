"""The detector of novelty: how far imagined futures are from what was seen of their task.

B robots or frames, L steps of a future, W width of a latent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from fleet_contract.validation import InputError, StrictModel
from fleet_learning.optimization import OnStep
from fleet_learning.randomness import torch_generator
from fleet_monitor.bank import BankConfig, NoveltyBank, fit_bank
from fleet_monitor.detector import Detector
from fleet_monitor.foresight import ForeseenEpisode, Foresight
from fleet_monitor.world_model import WorldModel

SAMPLE = 4000
"""Latents per task, drawn from all that were imagined, of which centres are computed."""


class NoveltyConfig(StrictModel):
    """Size of the bank, and the tasks of which it has centres."""

    bank: BankConfig = BankConfig()
    tasks: tuple[str, ...] = ()
    """Names of the tasks, in the order of the centres."""


@dataclass(frozen=True)
class NoveltyDetector(Detector):
    """A bank of the futures that were imagined in all rounds so far (FIREWORK, section 3.2.2).

    It learns from episodes that did not fail, and of episodes in which a human drove, from the human's frames too: what was
    demonstrated is known. The paper does not say which frames its bank leaves out.
    """

    kind: ClassVar[str] = "novelty"
    Config: ClassVar[type[StrictModel]] = NoveltyConfig

    config: NoveltyConfig
    bank: NoveltyBank | None = None

    @classmethod
    @override
    def untrained(cls, model: WorldModel, seed: int) -> Self:
        usual, widest = BankConfig(), model.config.autoencoder.latent
        return cls(NoveltyConfig(bank=usual.model_copy(update={"dimensions": min(usual.dimensions, widest)})))

    @classmethod
    @override
    def restored(cls, config: NoveltyConfig, tensors: Mapping[str, Tensor], model: WorldModel) -> Self:
        centres = {task: tensors[f"centres.{number}"] for number, task in enumerate(config.tasks)}
        bank = NoveltyBank(config.bank, tensors["mean"], tensors["components"], centres)
        shapes = {bank.components_WK.shape == (len(bank.mean_W), config.bank.dimensions)}
        shapes |= {own_CK.shape == (config.bank.centres, config.bank.dimensions) for own_CK in centres.values()}
        if shapes != {True}:
            raise KeyError("centres")
        return cls(config, bank)

    @override
    def tensors(self) -> dict[str, Tensor]:
        if self.bank is None:
            return {}
        centres = {f"centres.{number}": own_CK for number, own_CK in enumerate(self.bank.centres.values())}
        return {"mean": self.bank.mean_W, "components": self.bank.components_WK} | centres

    @override
    def fitted(self, rounds: Sequence[Sequence[ForeseenEpisode]], *, seed: int, on_step: OnStep | None = None) -> Self:
        latents: dict[str, list[Tensor]] = {}
        for one in (foreseen for episodes in rounds for foreseen in episodes):
            if one.episode.events.end != "failure":
                latents.setdefault(one.episode.task, []).append(one.foresight.futures_BNLW.flatten(0, 2))
        generator = torch_generator(seed)
        drawn = {task: _drawn(torch.cat(own), generator) for task, own in latents.items()}
        bank = fit_bank(drawn, self.config.bank, seed=seed)
        return replace(self, config=self.config.model_copy(update={"tasks": tuple(bank.centres)}), bank=bank)

    @override
    def scores(self, foresight: Foresight) -> NDArray[np.float64]:
        if self.bank is None:
            raise InputError("novelty: expected a bank that was fitted, got none.")
        novelties: NDArray[np.float64] = self.bank.novelties(foresight.futures_BNLW, foresight.tasks).double().numpy()
        return novelties


def _drawn(latents_nW: Tensor, generator: torch.Generator) -> Tensor:
    return latents_nW[torch.randperm(len(latents_nW), generator=generator)[:SAMPLE]]
