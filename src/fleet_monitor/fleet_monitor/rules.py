"""How the thresholds of all detectors of a monitor are chosen together. B steps of all episodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from fleet_contract.validation import InputError
from fleet_monitor.detector import Detector
from fleet_monitor.episode import by_task
from fleet_monitor.foresight import ForeseenEpisode
from fleet_monitor.monitor import Monitor
from fleet_monitor.thresholds import AdaptivePercentile, FixedPercentile, Threshold, best_percentile, fit_adaptive

DEFAULT_RULE = FixedPercentile(95.0)
"""How thresholds are chosen unless something else is asked for; 95 is the default of FIREWORK's published code."""
Rules = Callable[[Monitor, Sequence[ForeseenEpisode], Mapping[str, float]], Mapping[str, Threshold]]
"""Takes a monitor, episodes of which its detectors have not learned, and by task the share of frames at which a human drove. Returns
a threshold by kind of detector."""


def same_for_all(threshold: Threshold) -> Rules:
    """Return rules by which all detectors have the same threshold."""
    return lambda monitor, *_: dict.fromkeys(monitor.kinds, threshold)


def adaptive(
    monitor: Monitor, episodes: Sequence[ForeseenEpisode], help_ratios: Mapping[str, float]
) -> Mapping[str, AdaptivePercentile]:
    """Fit each detector's adaptive percentile to the percentiles at which tasks agree best with their humans' interventions.

    Raises:
        InputError: fewer than three tasks needed help in different shares.
    """
    return {detector.kind: _adaptive(monitor, detector, episodes, help_ratios) for detector in monitor.detectors}


def adaptive_if_possible(
    monitor: Monitor, episodes: Sequence[ForeseenEpisode], help_ratios: Mapping[str, float]
) -> Mapping[str, Threshold]:
    """Return the adaptive percentiles, or the default ones after a round in which fewer than three tasks needed different help."""
    try:
        return adaptive(monitor, episodes, help_ratios)
    except InputError:
        return DEFAULT_RULES(monitor, episodes, help_ratios)


def _adaptive(
    monitor: Monitor, detector: Detector, episodes: Sequence[ForeseenEpisode], help_ratios: Mapping[str, float]
) -> AdaptivePercentile:
    pairs = []
    for task, own in by_task(episodes).items():
        scores_B = np.concatenate([monitor.voted(detector, one) for one in own])
        needed_B = np.concatenate([~one.episode.normal_F for one in own])
        valued_B = ~np.isnan(scores_B)
        calm_B = scores_B[valued_B & ~needed_B]
        if len(calm_B) and needed_B[valued_B].any():
            pairs.append((help_ratios[task], best_percentile(calm_B, scores_B[valued_B], needed_B[valued_B])))
    return fit_adaptive(np.array([ratio for ratio, _ in pairs]), np.array([best for _, best in pairs]))


DEFAULT_RULES = same_for_all(DEFAULT_RULE)
"""The default for all detectors."""
