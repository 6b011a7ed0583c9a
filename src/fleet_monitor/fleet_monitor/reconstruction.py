"""The detector of images that the world model cannot reconstruct. B robots or frames."""

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
class ReconstructionDetector(Detector):
    """The mean squared error of the image's intensities, 0 to 1, behind the autoencoder (MoMaRT, Wong et al. 2021).

    MoMaRT trains a variational autoencoder of its own; here the world model's is shared.
    """

    kind: ClassVar[str] = "reconstruction"
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
        seen_BHWC = foresight.images_BHWC / 255
        decoded_BHWC = foresight.model.decode(foresight.latents_BW) / 255
        errors: NDArray[np.float64] = np.square(seen_BHWC - decoded_BHWC).mean((1, 2, 3))
        return errors
