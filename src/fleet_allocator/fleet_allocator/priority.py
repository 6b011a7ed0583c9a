"""Who asks for help, most urgent first (Fleet-DAgger's priority functions; IIFL section 4.4).

N robots, L letters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet_allocator.z_score import RunningZScore
from fleet_contract.fleet import AllocationConfig

THRIFTY_THRESHOLD = 0.15
"""Weighted z-score above which ThriftyDAgger's rule has a robot ask."""
LETTERS = {"random": "", "TD": "TC"}
"""The orders that are words. T: ThriftyDAgger's weighted z-score."""


@dataclass(frozen=True)
class Ranking:
    """Indices of robots at one tick, most urgent first."""

    asking: list[int]
    """Those that ask for help."""
    candidates: list[int]
    """Those that humans may be sent to: the asking ones, or all."""


class Priority:
    """Ranks robots by the letters of an order, compared one after the other, larger first, ties at random.

    - C: constraint violation.
    - U: uncertainty, where it is above the threshold.
    - R: predicted risk, where it is above `risk_threshold`.
    - TD: `risk_weight` times the z-score of the risk plus the rest times that of the uncertainty, where this is above
      `THRIFTY_THRESHOLD`; then C. The z-scores are over all robots and ticks so far (ThriftyDAgger's novelty and risk,
      as Fleet-DAgger combines them).
    - random: every order of the robots is equally likely, and none asks.

    A robot asks if at least one of the letters counts for it. Those that do not ask follow, most uncertain first.
    What is not a number does not count.
    """

    def __init__(self, config: AllocationConfig) -> None:
        self._config = config
        self._letters = LETTERS.get(config.order, config.order)
        self._only_asking = config.idle_humans and config.order != "random"
        self._risk = RunningZScore()
        self._novelty = RunningZScore()

    def rank(
        self,
        uncertainties_N: NDArray[np.float64],
        violated_N: NDArray[np.bool_],
        risks_N: NDArray[np.float64] | None,
        threshold: float,
        generator: np.random.Generator,
    ) -> Ranking:
        """The robots of the next tick.

        Args:
            uncertainties_N: disagreement of the policy's ensemble, nats.
            violated_N: robots that need a hard reset.
            risks_N: a critic's prediction of failure, 0 to 1.
            threshold: of the uncertainty, nats.
            generator: breaks the ties.

        Raises:
            ValueError: the order needs risks, and there are none.
        """
        keys_LN = np.array(
            [self._key(letter, uncertainties_N, violated_N, risks_N, threshold) for letter in self._letters]
        ).reshape(-1, len(violated_N))
        asks_N = (keys_LN > -np.inf).any(axis=0)
        calm_N = np.where(asks_N, 0.0, -uncertainties_N) if self._letters else np.zeros(len(violated_N))
        ranked_N = np.lexsort((generator.random(len(violated_N)), calm_N, *-keys_LN[::-1]))
        robots = ranked_N.tolist()
        asking = robots[: asks_N.sum()]
        return Ranking(asking, candidates=asking if self._only_asking else robots)

    def _key(
        self,
        letter: str,
        uncertainties_N: NDArray[np.float64],
        violated_N: NDArray[np.bool_],
        risks_N: NDArray[np.float64] | None,
        threshold: float,
    ) -> NDArray[np.float64]:
        """What is compared for one letter."""
        if letter == "C":
            return _above(violated_N.astype(np.float64), 0.0)
        if letter == "U":
            return _above(uncertainties_N, threshold)
        if risks_N is None:
            raise ValueError(f"order {self._config.order} needs risks_N, found none")
        if letter == "R":
            return _above(risks_N, self._config.risk_threshold)
        weight = self._config.risk_weight
        return _above(
            weight * self._risk.add(risks_N) + (1 - weight) * self._novelty.add(uncertainties_N), THRIFTY_THRESHOLD
        )


def _above(values_N: NDArray[np.float64], threshold: float) -> NDArray[np.float64]:
    """The values where they are above the threshold, minus infinity elsewhere."""
    return np.where(values_N > threshold, values_N, -np.inf)
