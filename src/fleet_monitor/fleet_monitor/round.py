"""What a monitor learns from a round of a fleet's deployment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fleet_learning.randomness import torch_generator
from fleet_learning.signal_provider import Advance
from fleet_monitor.episode import Episode, by_task, calm, help_ratio
from fleet_monitor.foresight import ForeseenEpisode, foresee_each
from fleet_monitor.monitor import Monitor
from fleet_monitor.rules import DEFAULT_RULES, Rules

FEWEST_FRAMES = 20
"""Frames that a task's new threshold needs: the 95th percentile of fewer is hardly less than the largest score of all."""


def after_round(
    monitor: Monitor,
    episodes: Sequence[Episode],
    *,
    seed: int,
    rules: Rules = DEFAULT_RULES,
    advance: Advance = lambda _: None,
) -> Monitor:
    """Return the monitor that has learned from the episodes of a round.

    The detectors learn from every other episode of each task, and the thresholds are chosen from the others. Tasks with too few
    episodes (`ready_tasks`) keep what their detectors have learned, and their thresholds.

    Source: FIREWORK, section 3.2: predictors, bank and thresholds learn from every round, the world model does not.

    Args:
        monitor: the monitor of the round.
        episodes: episodes that have ended in the round, with those in which a human drove.
        seed: seed of the imagined futures and of all training.
        rules: how thresholds are chosen.
        advance: called after every episode whose futures were imagined, and with the measures of every gradient step.

    Raises:
        InputError: a task that the monitor does not know has too few episodes or failures.
    """
    ready = ready_tasks(monitor, episodes)
    if not ready:
        return monitor
    halves = _halves([episode for episode in episodes if episode.task in ready])
    learned, held_back = (_foreseen(monitor, half, seed, number, advance) for number, half in enumerate(halves))
    fitted = monitor.fitted(learned, seed=seed, on_step=lambda _, measures: advance(measures))
    ratios = {task: help_ratio(own) for task, own in by_task(episodes).items()}
    return fitted.calibrated(held_back, rules(fitted, held_back, ratios), ratios)


def ready_tasks(monitor: Monitor, episodes: Sequence[Episode]) -> set[str]:
    """Return the tasks of which there are enough episodes for a round.

    One half must have an episode that is long enough for the futures to be imagined, and the other half FEWEST_FRAMES frames from
    whose scores thresholds are chosen (`Monitor.calibrated`).
    """
    context = monitor.model.config.dynamics.context
    learned, held_back = (
        by_task([episode for episode in half if len(episode.observations_F) >= context]) for half in _halves(episodes)
    )
    frames = {
        task: sum(int(episode.normal_F[context - 1 :].sum()) for episode in calm(own))
        for task, own in held_back.items()
    }
    return {task for task in learned if frames.get(task, 0) >= FEWEST_FRAMES}


def _halves(episodes: Sequence[Episode]) -> tuple[list[Episode], list[Episode]]:
    """Return the episodes to learn from and those to choose thresholds from: of every task alternately."""
    halves: tuple[list[Episode], list[Episode]] = ([], [])
    counts = Counter[str]()
    for episode in episodes:
        halves[counts[episode.task] % 2].append(episode)
        counts[episode.task] += 1
    return halves


def _foreseen(
    monitor: Monitor, episodes: Sequence[Episode], seed: int, number: int, advance: Advance
) -> list[ForeseenEpisode]:
    foreseen = []
    for one in foresee_each(monitor.model, episodes, torch_generator(seed, number)):
        foreseen.append(one)
        advance({})
    return foreseen
