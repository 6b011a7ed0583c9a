"""What a monitor learns from a round of a fleet's deployment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fleet_learning.optimization import OnStep
from fleet_learning.randomness import torch_generator
from fleet_monitor.episode import Episode, by_task, help_ratio
from fleet_monitor.foresight import ForeseenEpisode, foresee
from fleet_monitor.monitor import Monitor, calm
from fleet_monitor.thresholds import FixedPercentile, Threshold

PERCENTILE = 95.0
"""Percentile of the scores that thresholds are unless something else is asked for: the default of FIREWORK's published code."""
DEFAULT_RULE = FixedPercentile(PERCENTILE)
"""How thresholds are chosen unless something else is asked for."""
FEWEST_FRAMES = 20
"""Frames that a task's new threshold needs: the 95th percentile of fewer is hardly less than the largest score of all."""


def after_round(
    monitor: Monitor,
    episodes: Sequence[Episode],
    *,
    seed: int,
    rule: Threshold = DEFAULT_RULE,
    on_step: OnStep | None = None,
) -> Monitor:
    """Return the monitor that has learned from the episodes of a round.

    The detectors learn from every other episode of each task, and the thresholds are chosen from the others. A task of which
    one half has no episode that is long enough, or the other half fewer than FEWEST_FRAMES frames with scores that count
    (`Monitor.calibrated`), keeps what its detectors have learned, and its thresholds.

    Source: FIREWORK, section 3.2: predictors, bank and thresholds learn from every round, the world model does not.

    Args:
        monitor: the monitor of the round.
        episodes: episodes that have ended in the round, with those in which a human drove.
        seed: seed of the imagined futures and of all training.
        rule: how thresholds are chosen.
        on_step: called after every gradient step.

    Raises:
        InputError: a task that the monitor does not know has too few episodes or failures.
    """
    learned, held_back = (_foreseen(monitor, half, seed, number) for number, half in enumerate(_halves(episodes)))
    held_back_tasks = by_task(held_back)
    ready = {task for task in by_task(learned) if _scored_frames(held_back_tasks.get(task, ())) >= FEWEST_FRAMES}
    if not ready:
        return monitor
    fitted = monitor.fitted([one for one in learned if one.task in ready], seed=seed, on_step=on_step)
    return fitted.calibrated(
        [one for one in held_back if one.task in ready],
        dict.fromkeys(monitor.kinds, rule),
        {task: help_ratio(own) for task, own in by_task(episodes).items()},
    )


def _halves(episodes: Sequence[Episode]) -> tuple[list[Episode], list[Episode]]:
    """Return the episodes to learn from and those to choose thresholds from: of every task alternately."""
    halves: tuple[list[Episode], list[Episode]] = ([], [])
    counts = Counter[str]()
    for episode in episodes:
        halves[counts[episode.task] % 2].append(episode)
        counts[episode.task] += 1
    return halves


def _foreseen(monitor: Monitor, episodes: Sequence[Episode], seed: int, number: int) -> list[ForeseenEpisode]:
    context = monitor.model.config.dynamics.context
    long = [episode for episode in episodes if len(episode.observations_F) >= context]
    return foresee(monitor.model, long, torch_generator(seed, number)) if long else []


def _scored_frames(held_back: Sequence[ForeseenEpisode]) -> int:
    """Return the number of frames of a task's episodes from whose scores thresholds are chosen."""
    return sum(int(one.normal_F[-len(one.foresight.tasks) :].sum()) for one in calm(held_back))
