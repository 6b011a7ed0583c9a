"""Judges alarms by what became of the episodes: recall, false alarms, lead time, accuracy.

F frames of an episode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata


@dataclass(frozen=True)
class Judgement:
    """How well a monitor's alarms agree with the ends of episodes in which nobody helped."""

    failures: int
    """Failed episodes."""
    successes: int
    """Successful episodes."""
    recall: float
    """Share of the failed episodes with an alarm before the end."""
    early_recall: float
    """Share of the failed episodes with an alarm at least `EARLY_FRAMES` before the end."""
    false_alarms: float
    """Share of the successful episodes with an alarm."""
    lead_frames: float
    """Median over the failed episodes with an alarm: frames from the first alarm to the end."""
    time_weighted_accuracy: float
    """Mean of the specificity and of the recall in which an alarm counts by how early it is: 1 at the first frame, 0 after the
    last one (as in FIPER, Roemer et al. 2025)."""
    area_under_curve: float
    """Probability that the largest score of a failed episode is above that of a successful one; does not depend on thresholds."""


EARLY_FRAMES = 5
"""Frames before a failure at which an alarm leaves a human time to help."""


def judge(scores: Sequence[NDArray[np.float64]], failed: Sequence[bool]) -> Judgement:
    """Return the judgement of episodes; measures without episodes are NaN.

    Args:
        scores: by episode, scores (F,) as multiples of their thresholds, after the vote; NaN where there is none.
        failed: by episode, whether it failed; otherwise it succeeded.
    """
    failed_E = np.array(failed, dtype=bool)
    largest_E = np.array([np.nanmax(own_F, initial=-np.inf) for own_F in scores])
    first_E = np.array([int(np.argmax(own_F > 1)) if (own_F > 1).any() else len(own_F) for own_F in scores])
    frames_E = np.array([len(own_F) for own_F in scores])
    alarm_E, lead_E = largest_E > 1, frames_E - first_E
    specificity = 1 - _mean(alarm_E[~failed_E])
    return Judgement(
        failures=int(failed_E.sum()),
        successes=int((~failed_E).sum()),
        recall=_mean(alarm_E[failed_E]),
        early_recall=_mean(lead_E[failed_E] >= EARLY_FRAMES),
        false_alarms=_mean(alarm_E[~failed_E]),
        lead_frames=float(np.median(lead_E[failed_E & alarm_E])) if (failed_E & alarm_E).any() else np.nan,
        time_weighted_accuracy=(_mean(lead_E[failed_E] / frames_E[failed_E]) + specificity) / 2,
        area_under_curve=_area_under_curve(largest_E, failed_E),
    )


def _mean(values: NDArray[np.generic]) -> float:
    return float(values.mean()) if len(values) else np.nan


def _area_under_curve(scores_E: NDArray[np.float64], positive_E: NDArray[np.bool_]) -> float:
    positives, negatives = int(positive_E.sum()), int((~positive_E).sum())
    if not positives or not negatives:
        return np.nan
    ranks_E = rankdata(scores_E)
    return float((ranks_E[positive_E].sum() - positives * (positives + 1) / 2) / (positives * negatives))
