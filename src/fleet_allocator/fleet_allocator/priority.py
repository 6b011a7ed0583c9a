"""Ranks the robots by urgency (Fleet-DAgger's priority functions; IIFL section 4.4).

N robots, L letters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet_allocator.z_score import RunningZScore
from fleet_contract.fleet import AllocationConfig

THRIFTY_THRESHOLD = 0.15
"""Weighted z-score above which a robot asks for help by ThriftyDAgger's rule."""
LETTERS = {"random": "", "TD": "TC"}
"""Letters of the orders that are words. T: ThriftyDAgger's weighted z-score."""


@dataclass(frozen=True)
class Ranking:
    """Indices of robots at one tick, most urgent first."""

    asking: list[int]
    """Robots that ask for help."""
    candidates: list[int]
    """Robots that may get a human: those that ask for help, or all."""


class Priority:
    """Ranks robots lexicographically by the letters of an order, larger values first; ties are broken at random.

    - C: constraint violation.
    - U: uncertainty, if above the threshold.
    - R: predicted risk, if above `risk_threshold`.
    - TD: `risk_weight` times the z-score of the risk plus the remaining weight times the z-score of the uncertainty, if this sum is
      above `THRIFTY_THRESHOLD`; then C. The z-scores are over all robots and ticks so far (ThriftyDAgger's novelty and risk, as
      Fleet-DAgger combines them).
    - random: all orders of the robots are equally likely, and no robot asks for help.

    A robot asks for help if at least one letter applies to it. Robots that do not ask follow, most uncertain first. A letter
    whose value is NaN does not apply.
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
        """Return the ranking of the robots at one tick.

        Args:
            uncertainties_N: Disagreement of the policy's ensemble, nats.
            violated_N: Whether a robot needs a hard reset.
            risks_N: A critic's prediction of failure, 0 to 1, or None.
            threshold: Threshold of the uncertainty, nats.
            generator: Source of randomness that breaks ties.

        Raises:
            ValueError: the order needs risks and there are none.
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
        """Return the values (N,) of one letter, minus infinity where it does not apply."""
        if letter == "C":
            return _above(violated_N.astype(np.float64), 0.0)
        if letter == "U":
            return _above(uncertainties_N, threshold)
        if risks_N is None:
            raise ValueError(f"risks_N: expected risks, which order {self._config.order} needs, got none")
        if letter == "R":
            return _above(risks_N, self._config.risk_threshold)
        weight = self._config.risk_weight
        return _above(
            weight * self._risk.add(risks_N) + (1 - weight) * self._novelty.add(uncertainties_N), THRIFTY_THRESHOLD
        )


def _above(values_N: NDArray[np.float64], threshold: float) -> NDArray[np.float64]:
    """Return the values where they are above the threshold, minus infinity elsewhere."""
    return np.where(values_N > threshold, values_N, -np.inf)
