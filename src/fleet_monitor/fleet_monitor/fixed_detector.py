"""The base of detectors that learn nothing of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from torch import Tensor
from typing_extensions import override

from fleet_contract.plugins import NoOptions
from fleet_contract.validation import StrictModel
from fleet_learning.optimization import OnStep
from fleet_monitor.detector import Detector
from fleet_monitor.foresight import ForeseenEpisode
from fleet_monitor.world_model import WorldModel


@dataclass(frozen=True)
class FixedDetector(Detector):
    """Scores with what the world model has learned."""

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
    def fitted(self, episodes: Sequence[ForeseenEpisode], *, seed: int, on_step: OnStep | None = None) -> Self:
        return self
