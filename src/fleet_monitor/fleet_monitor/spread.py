"""The detector of futures that differ from each other. B robots or frames, N imagined futures, W width of a latent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from fleet_contract.plugins import NoOptions
from fleet_contract.validation import StrictModel
from fleet_learning.optimization import OnStep
from fleet_monitor.detector import Detector
from fleet_monitor.foresight import ForeseenEpisode, Foresight
from fleet_monitor.world_model import WorldModel


@dataclass(frozen=True)
class SpreadDetector(Detector):
    """The root of the mean variance over futures of the last imagined latents, in their standard deviations over all data.

    PATO (Dass et al. 2023) asks a human where its imagined goals differ, or the members of its policy; the latter is the policy's
    own uncertainty.
    """

    kind: ClassVar[str] = "spread"
    Config: ClassVar[type[StrictModel]] = NoOptions

    config: NoOptions

    @classmethod
    @override
    def untrained(cls, model: WorldModel, seed: int) -> Self:
        return cls(NoOptions())

    @classmethod
    @override
    def restored(cls, config: NoOptions, tensors: Mapping[str, Tensor], model: WorldModel) -> Self:
        return cls(config)

    @override
    def tensors(self) -> dict[str, Tensor]:
        return {}

    @override
    def fitted(self, rounds: Sequence[Sequence[ForeseenEpisode]], *, seed: int, on_step: OnStep | None = None) -> Self:
        return self

    @override
    def scores(self, foresight: Foresight) -> NDArray[np.float64]:
        last_BNW = foresight.futures_BNLW[:, :, -1] / foresight.model.dynamics.std_W
        spread: NDArray[np.float64] = last_BNW.var(1, correction=0).mean(1).sqrt().double().numpy()
        return spread
