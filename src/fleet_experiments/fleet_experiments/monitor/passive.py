"""Compares detectors on the same recorded rollouts of a policy that nobody helps.

F frames of an episode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from fleet_experiments.results import Row
from fleet_monitor.foresight import ForeseenEpisode
from fleet_monitor.judgement import Judgement, judge
from fleet_monitor.monitor import FIREWORK, Monitor
from fleet_monitor.rules import DEFAULT_RULE
from fleet_monitor.thresholds import ConformalBand, FixedPercentile, Threshold

PROMISED_EPISODES = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Shares of successful episodes with a false alarm that conformal bands promise."""
PROMISED_FRAMES = (0.01, 0.05, 0.1, 0.2)
"""Shares of the frames of successful episodes with a false alarm that percentiles promise."""
TOGETHER = "firework"
"""Name of the failure and the novelty detector together."""

Scores = Mapping[str, list[NDArray[np.float64]]]
"""By detector, scores (F,) of every episode after the vote, NaN where there is none."""


@dataclass(frozen=True)
class ScoredRollouts:
    """What detectors say about episodes."""

    tasks: tuple[str, ...]
    """Task of every episode."""
    failed: tuple[bool, ...]
    """Whether each episode failed."""
    normal: tuple[NDArray[np.bool_], ...]
    """Frames (F,) of every episode at which no human was needed soon."""
    scores: Scores

    def thresholds(self, detector: str, rule: Threshold) -> dict[str, float]:
        """Return the detector's threshold of every task, from the same frames as `Monitor.calibrated`."""
        scores = [np.where(*own, np.nan) for own in zip(self.normal, self.scores[detector], strict=True)]
        thresholds = {}
        for task in dict.fromkeys(self.tasks):
            rows = [row for row, own in enumerate(self.tasks) if own == task]
            calm = [row for row in rows if not self.failed[row]] or rows
            thresholds[task] = rule.choose([scores[row] for row in calm], 0.0)
        return thresholds

    def relative(self, detector: str, thresholds: Mapping[str, float]) -> list[NDArray[np.float64]]:
        """Return scores (F,) of every episode as multiples of its task's threshold."""
        return [scores_F / thresholds[task] for scores_F, task in zip(self.scores[detector], self.tasks, strict=True)]


def scored(
    monitor: Monitor, foreseen: Sequence[ForeseenEpisode], uncertainties: Sequence[NDArray[np.float64]], seed: int
) -> ScoredRollouts:
    """Return the scores of all detectors, of the policy's uncertainty, and of chance.

    Args:
        monitor: the detectors.
        foreseen: the episodes.
        uncertainties: uncertainties (F,) of the policy in each episode.
        seed: seed of the random scores.
    """
    generator = np.random.default_rng(seed)
    scores = {own.kind: [monitor.voted(own, one) for one in foreseen] for own in monitor.detectors}
    scores["uncertainty"] = list(uncertainties)
    scores["random"] = [generator.random(len(uncertainties_F)) for uncertainties_F in uncertainties]
    return ScoredRollouts(
        tuple(one.episode.task for one in foreseen),
        tuple(one.episode.events.end == "failure" for one in foreseen),
        tuple(one.normal_F for one in foreseen),
        scores,
    )


def comparison(held_back: ScoredRollouts, test: ScoredRollouts) -> dict[str, Judgement]:
    """Return by detector how well alarms agree with the failures of `test`; thresholds are chosen from `held_back`."""
    relative = {name: test.relative(name, held_back.thresholds(name, DEFAULT_RULE)) for name in test.scores}
    relative[TOGETHER] = [np.fmax(*pair) for pair in zip(*(relative[name] for name in FIREWORK), strict=True)]
    return {name: judge(own, test.failed) for name, own in relative.items()}


def false_alarms(held_back: ScoredRollouts, test: ScoredRollouts) -> list[Row]:
    """Return rows of promised and seen shares of false alarms, of both of FIREWORK's detectors.

    Bands that would need more successful episodes than every task has are left out.
    """
    calm = [task for task, failed in zip(held_back.tasks, held_back.failed, strict=True) if not failed]
    fewest = min(calm.count(task) for task in set(held_back.tasks))
    rows: list[Row] = []
    for name in FIREWORK:
        for rate in (rate for rate in PROMISED_EPISODES if ConformalBand(rate).fewest_episodes <= fewest):
            seen = test.relative(name, held_back.thresholds(name, ConformalBand(rate)))
            alarms = [
                np.nanmax(own, initial=0) > 1 for own, failed in zip(seen, test.failed, strict=True) if not failed
            ]
            share = float(np.mean(alarms))
            rows.append({"detector": name, "rule": "conformal, episodes", "promised": rate, "seen": share})
        for rate in PROMISED_FRAMES:
            seen = test.relative(name, held_back.thresholds(name, FixedPercentile(100 * (1 - rate))))
            frames_F = np.concatenate([own for own, failed in zip(seen, test.failed, strict=True) if not failed])
            share = float((frames_F[~np.isnan(frames_F)] > 1).mean())
            rows.append({"detector": name, "rule": "percentile, frames", "promised": rate, "seen": share})
    return rows


def as_row(judgement: Judgement) -> Row:
    """Return a judgement as measurements of a row; None for what cannot be measured."""
    return {name: None if value != value else value for name, value in asdict(judgement).items()}  # noqa: PLR0124 - NaN
