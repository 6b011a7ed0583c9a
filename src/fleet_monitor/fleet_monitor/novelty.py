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
from fleet_monitor.bank import BankConfig, NoveltyBank, fit_bank
from fleet_monitor.detector import Detector
from fleet_monitor.episode import by_task
from fleet_monitor.foresight import ForeseenEpisode, Foresight
from fleet_monitor.latent_sample import SIZE, LatentSample
from fleet_monitor.world_model import WorldModel


class NoveltyConfig(StrictModel):
    """Size of the bank, and the tasks of which it has centres."""

    bank: BankConfig = BankConfig()
    tasks: tuple[str, ...] = ()
    """Names of the tasks, in the order of the centres."""
    seen: tuple[int, ...] = ()
    """Latents of every task that were seen in all rounds. Empty in files from before the bank remembered any."""


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
        if config.seen:
            remembered = {
                task: LatentSample(tensors[f"remembered.{number}"], seen)
                for number, (task, seen) in enumerate(zip(config.tasks, config.seen, strict=True))
            }
        else:
            # The centres stand for the latents that nobody has kept.
            repeated = {task: own_CK.repeat(max(1, SIZE // len(own_CK)), 1) for task, own_CK in centres.items()}
            remembered = {task: LatentSample(own_mK, len(own_mK)) for task, own_mK in repeated.items()}
        bank = NoveltyBank(config.bank, tensors["mean"], tensors["components"], centres, remembered)
        shapes = {bank.components_WK.shape == (len(bank.mean_W), config.bank.dimensions)}
        shapes |= {own_CK.shape == (config.bank.centres, config.bank.dimensions) for own_CK in centres.values()}
        shapes |= {sample.latents_mW.shape[1:] == (config.bank.dimensions,) for sample in remembered.values()}
        if shapes != {True}:
            raise KeyError("centres")
        seen = tuple(sample.seen for sample in remembered.values())
        return cls(config.model_copy(update={"seen": seen}), bank)

    @override
    def tensors(self) -> dict[str, Tensor]:
        if self.bank is None:
            return {}
        found = {"mean": self.bank.mean_W, "components": self.bank.components_WK}
        for number, task in enumerate(self.config.tasks):
            found[f"centres.{number}"] = self.bank.centres[task]
            found[f"remembered.{number}"] = self.bank.remembered[task].latents_mW
        return found

    @override
    def fitted(self, episodes: Sequence[ForeseenEpisode], *, seed: int, on_step: OnStep | None = None) -> Self:
        calm = by_task([one for one in episodes if one.episode.events.end != "failure"])
        latents = {
            task: torch.cat([one.foresight.futures_BNLW.flatten(0, 2) for one in own]) for task, own in calm.items()
        }
        bank = self.bank.fitted(latents, seed=seed) if self.bank else fit_bank(latents, self.config.bank, seed=seed)
        tasks = tuple(bank.centres)
        seen = tuple(bank.remembered[task].seen for task in tasks)
        return replace(self, config=self.config.model_copy(update={"tasks": tasks, "seen": seen}), bank=bank)

    @override
    def scores(self, foresight: Foresight) -> NDArray[np.float64]:
        if self.bank is None:
            raise InputError("novelty: expected a bank that was fitted, got none.")
        novelties: NDArray[np.float64] = self.bank.novelties(foresight.futures_BNLW, foresight.tasks).double().numpy()
        return novelties
