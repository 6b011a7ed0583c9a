"""Thresholds: the score above which a monitor raises an alarm for a task.

T steps of an episode, R past rounds, B steps with a label.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from typing_extensions import override

from fleet_contract.validation import InputError

FEWEST_ROUNDS = 3
"""Rounds with different ratios of help from which the three numbers of the adaptive percentile can be fitted."""
DECAY_RANGE = (0.01, 100.0)
"""Range of the decay c. Ratios of help are 0 to 1: below it the curve is a straight line, above it a step at 0."""
DECAYS_TRIED = 200
"""Decays, evenly spaced in their logarithm, at which the fit starts its search."""


class Threshold(Protocol):
    """Chooses the threshold of one task from scores of episodes that succeeded without help."""

    def choose(self, scores: Sequence[NDArray[np.float64]], help_ratio: float) -> float:
        """Return the threshold, in the unit of the scores; a step whose score is above it is an alarm.

        Args:
            scores: scores (T,) of every step of successful episodes, from which the monitor itself has not learned. Steps without
                a value (NaN), such as the first ones, before there is a context to imagine from, do not count.
            help_ratio: share of the steps of the task's last round in which a human drove, 0 to 1.

        Raises:
            InputError: there are too few episodes.
        """


@dataclass(frozen=True)
class FixedPercentile(Threshold):
    """The same percentile of the scores for every task; its false-alarm rate is per step."""

    percentile: float
    """0 to 100."""

    @override
    def choose(self, scores: Sequence[NDArray[np.float64]], help_ratio: float) -> float:
        valued = _with_values(scores)
        if not valued:
            raise InputError("scores: expected at least one successful episode, got none.")
        return float(np.percentile(np.concatenate(valued), self.percentile))


@dataclass(frozen=True)
class AdaptivePercentile(Threshold):
    """A percentile that is higher for tasks that need less help: theta = a + b exp(-c p_H), p_H the ratio of help.

    Source: FIREWORK, section 3.2.2 (adaptive decision boundary). The paper gives neither the numbers a, b and c, nor the pairs
    that it fitted them to, nor what happens beyond these pairs. Here `fit_adaptive` fits them to pairs of a past round's p_H and
    the percentile that would have been best in it (`best_percentile`), and the percentile is clipped to those pairs' range.
    As a percentile of scores, the threshold is always within the scores that were seen.
    """

    offset: float
    """a, percent."""
    gain: float
    """b, percent; not negative."""
    decay: float
    """c; positive."""
    lowest: float
    """Smallest percentile, 0 to 100."""
    highest: float
    """Largest percentile, 0 to 100."""

    @override
    def choose(self, scores: Sequence[NDArray[np.float64]], help_ratio: float) -> float:
        return FixedPercentile(self.percentile(help_ratio)).choose(scores, help_ratio)

    def percentile(self, help_ratio: float) -> float:
        """Return theta, 0 to 100.

        Raises:
            ValueError: the ratio is outside of 0 to 1.
        """
        if not 0 <= help_ratio <= 1:
            raise ValueError(f"help_ratio: expected a number from 0 to 1, got {help_ratio}")
        return float(np.clip(self.offset + self.gain * math.exp(-self.decay * help_ratio), self.lowest, self.highest))


@dataclass(frozen=True)
class ConformalBand(Threshold):
    """The threshold that at most the promised share of successful episodes ever crosses.

    Split conformal prediction on the largest score of each episode (Vovk et al. 2005; Angelopoulos and Bates 2023, section 1):
    if a new successful episode is exchangeable with the n episodes at hand, it crosses their k-th smallest largest score, with
    k = ceil((n + 1) (1 - rate)), with a probability of at most `rate`, and of more than rate - 1 / (n + 1) without ties. The
    probability is over the draw of all n + 1 episodes. The band is constant over an episode.
    """

    false_alarm_rate: float
    """Promised share of successful episodes with at least one alarm, above 0 and below 1."""

    def __post_init__(self) -> None:
        """Refuse a promise that no threshold or every threshold keeps.

        Raises:
            ValueError: the rate is out of range.
        """
        if not 0 < self.false_alarm_rate < 1:
            raise ValueError(f"false_alarm_rate: expected a number above 0 and below 1, got {self.false_alarm_rate}")

    @property
    def fewest_episodes(self) -> int:
        """Number of episodes that the promise needs."""
        return math.ceil(1 / self.false_alarm_rate - 1 - 1e-9)

    @override
    def choose(self, scores: Sequence[NDArray[np.float64]], help_ratio: float) -> float:
        largest = np.sort([scores_T.max() for scores_T in _with_values(scores)])
        if len(largest) < self.fewest_episodes:
            raise InputError(
                f"scores: expected at least {self.fewest_episodes} successful episodes for a false-alarm rate of "
                f"{self.false_alarm_rate}, got {len(largest)}."
            )
        rank = math.ceil((len(largest) + 1) * (1 - self.false_alarm_rate) - 1e-9)
        return float(largest[rank - 1])


def fit_adaptive(help_ratios_R: NDArray[np.float64], percentiles_R: NDArray[np.float64]) -> AdaptivePercentile:
    """Return the adaptive percentile with the smallest squared error on past rounds.

    For a given decay, offset and gain follow from a linear regression, so only the decay is searched. A regression that would
    give tasks with more help the higher percentile is replaced by the mean percentile.

    Args:
        help_ratios_R: ratio of help p_H of one task in one round, 0 to 1.
        percentiles_R: percentile that would have been best in that round, 0 to 100.

    Raises:
        InputError: fewer than three different ratios of help.
    """
    different = len(np.unique(help_ratios_R))
    if different < FEWEST_ROUNDS:
        raise InputError(
            f"rounds: expected at least {FEWEST_ROUNDS} with different ratios of help, got {different} such rounds."
        )

    def line(log_decay: float) -> tuple[float, float, float]:
        """Return the squared error of the best line for this decay, its offset and its gain."""
        curve_R = np.exp(-np.exp(log_decay) * help_ratios_R)
        centred_R = curve_R - curve_R.mean()
        gain = max(0.0, float(centred_R @ percentiles_R / (centred_R @ centred_R)))
        offset = float(percentiles_R.mean() - gain * curve_R.mean())
        return float(np.square(offset + gain * curve_R - percentiles_R).sum()), offset, gain

    logs = np.log(np.geomspace(*DECAY_RANGE, num=DECAYS_TRIED))
    best = int(np.argmin([line(log)[0] for log in logs]))
    around = logs[max(best - 1, 0)], logs[min(best + 1, DECAYS_TRIED - 1)]
    log_decay = float(minimize_scalar(lambda log: line(log)[0], bounds=around, method="bounded").x)
    _, offset, gain = line(log_decay)
    return AdaptivePercentile(offset, gain, math.exp(log_decay), float(percentiles_R.min()), float(percentiles_R.max()))


def best_percentile(
    reference: NDArray[np.float64], scores_B: NDArray[np.float64], needed_B: NDArray[np.bool_]
) -> float:
    """Return the percentile whose threshold would have agreed best with the humans' interventions of one round.

    Agreement is the F1 score of the alarms. The paper does not say how it found the percentiles that it fitted.

    Args:
        reference: scores of which the threshold is a percentile, as in `Threshold.choose`.
        scores_B: scores of the round's steps.
        needed_B: whether a human was needed at that step.

    Returns:
        A whole percentile, 0 to 100; of several that are equally good, the highest, which raises the fewest alarms.

    Raises:
        ValueError: no step needed a human.
    """
    if not needed_B.any():
        raise ValueError("needed_B: expected at least one step that needed a human, got none")
    percentiles = np.arange(101)
    alarms_PB = scores_B > np.percentile(reference, percentiles)[:, None]
    hits_P = (alarms_PB & needed_B).sum(1)
    f1_P = 2 * hits_P / (alarms_PB.sum(1) + needed_B.sum())
    return float(percentiles[f1_P == f1_P.max()][-1])


def _with_values(scores: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Return the scores of every episode that has any, without those that are NaN."""
    valued = [scores_T[~np.isnan(scores_T)] for scores_T in scores]
    return [scores_T for scores_T in valued if len(scores_T)]
