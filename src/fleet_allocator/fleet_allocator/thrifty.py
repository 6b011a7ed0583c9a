"""ThriftyDAgger's rule, as Fleet-DAgger combines novelty and risk.

N robots.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from typing_extensions import override

from fleet_allocator.allocation_rule import AllocationRule, Ranking
from fleet_allocator.dismissals import Dismissals
from fleet_allocator.priority import calmness, ranked
from fleet_allocator.z_score import RunningZScore
from fleet_contract.fleet import AllocationConfig
from fleet_contract.signal import RISK, UNCERTAINTY, VIOLATION
from fleet_contract.validation import InputError, StrictModel

SCORE = "td"
"""Name of the weighted z-score where it calls a human."""
THRESHOLD = 0.15
"""Weighted z-score above which a robot asks for help."""


class ThriftyOptions(StrictModel):
    """Options of the rule."""

    risk_weight: float = Field(default=0.5, ge=0, le=1)
    """Weight of the risk's z-score in the sum. The uncertainty's z-score has the remaining weight."""


class Thrifty(AllocationRule):
    """Compares a weighted sum of the z-scores of risk and uncertainty, then the violation.

    The z-scores are over all robots and ticks so far. Otherwise the rule is that of `Priority`; the order names the signals.
    """

    Options: ClassVar[type[StrictModel]] = ThriftyOptions

    def __init__(self, config: AllocationConfig, options: ThriftyOptions, supervisors: int) -> None:  # noqa: ARG002
        if set(config.order) != {RISK, UNCERTAINTY, VIOLATION}:
            raise InputError(
                f"allocation.order: expected {RISK}, {UNCERTAINTY} and {VIOLATION} with rule td, got {list(config.order)}."
            )
        self._weight, self._only_asking = options.risk_weight, config.idle_humans
        self._risk, self._novelty = RunningZScore(), RunningZScore()
        self._dismissals = Dismissals()

    @override
    def rank(
        self,
        signals: Mapping[str, NDArray[np.float64]],
        thresholds: Mapping[str, float],
        generator: np.random.Generator,
    ) -> Ranking:
        risks_N, novelties_N = self._risk.add(signals[RISK]), self._novelty.add(signals[UNCERTAINTY])
        score_N = self._weight * risks_N + (1 - self._weight) * novelties_N
        score_N = self._dismissals.hide({SCORE: score_N}, {SCORE: THRESHOLD})[SCORE]
        columns = [(SCORE, score_N, THRESHOLD), (VIOLATION, signals[VIOLATION], thresholds[VIOLATION])]
        return ranked(columns, calmness(signals), generator, only_asking=self._only_asking)

    @override
    def dismiss(self, robot: int, signal: str) -> None:
        self._dismissals.add(robot, signal)
