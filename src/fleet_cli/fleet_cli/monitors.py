"""Makes and judges monitors from recorded runs, for `fleet monitor ...`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table

from fleet_bags.samples import Samples, read_samples
from fleet_cli.command_line import console, make_folder
from fleet_contract.fleet import Fleet, SignalSelection
from fleet_contract.validation import InputError
from fleet_learning.randomness import torch_generator
from fleet_monitor.episode import by_task
from fleet_monitor.foresight import ForeseenEpisode, foresee
from fleet_monitor.judgement import EARLY_FRAMES, Judgement, judge
from fleet_monitor.monitor import (
    FIREWORK,
    Monitor,
    help_ratios,
    kinds_of,
    read_monitor,
    write_monitor,
)
from fleet_monitor.rules import Rules, adaptive, same_for_all
from fleet_monitor.thresholds import ConformalBand, FixedPercentile
from fleet_monitor.world_model import monitored_stream
from fleet_training.monitor_training import MONITOR, MonitorTraining
from fleet_training.monitored_episodes import recorded_episodes

FLEET = "fleet.yaml"
"""Name of the fleet file that deploys the monitor, in its folder."""
NAME = "firework"
"""Name of the monitor in that file."""


def train_monitor(fleet: Fleet, sets: Sequence[Path], folder: Path, *, seed: int, bars: bool) -> None:
    """Train a monitor, and write it with a fleet file that deploys it.

    Args:
        fleet: fleet that is monitored.
        sets: folders of datasets.
        folder: folder to write into; an interrupted training in it is resumed.
        seed: seed of everything that is random.
        bars: whether to show progress bars.

    Raises:
        InputError: something cannot be used, or the folder already holds a monitor.
    """
    if (folder / MONITOR).exists():
        raise InputError(f"{folder}: expected a folder without a monitor, got one with {MONITOR}.")
    contract = fleet.contract()
    episodes = recorded_episodes([read_samples(path) for path in sets], contract)
    make_folder(folder)
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), disable=not bars) as progress:
        stages = {}

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in stages:
                stages[stage] = progress.add_task(stage, total=total)
            progress.update(stages[stage], completed=done, total=total)

        MonitorTraining(contract, folder, seed).monitor(episodes, kinds_of(monitored_stream(contract)), advance)
    selection = SignalSelection(provider="monitor", names=FIREWORK, checkpoint=(folder / MONITOR).absolute())
    fleet.with_changes(source=fleet.fleet, monitors={NAME: selection}).write(folder / FLEET)
    print(f"{folder / MONITOR}: {len(episodes)} episodes")
    print(f"deploy it: ./fleet up --fleet {folder / FLEET} --monitor {NAME}")


def calibrate_monitor(
    file: Path, sets: Sequence[Path], rule: str, *, percentile: float, false_alarms: float, seed: int
) -> None:
    """Write new thresholds into the file of a monitor.

    Args:
        file: file of the monitor.
        sets: folders of datasets.
        rule: percentile, adaptive or conformal.
        percentile: percentile of the rule percentile.
        false_alarms: promised share of the rule conformal.
        seed: seed of the imagined futures.

    Raises:
        InputError: something cannot be used, or there are too few episodes.
    """
    if rule == "conformal" and not 0 < false_alarms < 1:
        raise InputError(f"--false-alarms: expected a number above 0 and below 1, got {false_alarms}.")
    samples = [read_samples(path) for path in sets]
    contract = samples[0].metadata.contract
    monitor, about = read_monitor(file, contract)
    foreseen = _foreseen(monitor, samples, seed)
    rules: Rules = adaptive
    if rule != "adaptive":
        rules = same_for_all(ConformalBand(false_alarms) if rule == "conformal" else FixedPercentile(percentile))
    ratios = help_ratios(foreseen)
    calibrated = monitor.calibrated(foreseen, rules(monitor, foreseen, ratios), ratios)
    write_monitor(
        file,
        calibrated,
        contract,
        world_model=about.world_model,
        world_model_file=about.world_model_file,
        rounds=about.rounds,
    )
    table = Table(title=f"{file.name}: thresholds", show_edge=False)
    for column in ("task", *monitor.kinds):
        table.add_column(column)
    for task, thresholds in calibrated.thresholds.items():
        table.add_row(task, *(f"{thresholds[kind]:.4g}" for kind in monitor.kinds))
    console().print(table)


def evaluate_monitor(file: Path, sets: Sequence[Path], *, seed: int) -> None:
    """Print how well a monitor's alarms agree with the ends of recorded episodes in which no human drove.

    Raises:
        InputError: something cannot be used, or a human drove in every episode.
    """
    samples = [read_samples(path) for path in sets]
    monitor, _ = read_monitor(file, samples[0].metadata.contract)
    foreseen = [
        one
        for one in _foreseen(monitor, samples, seed)
        if not one.episode.events.human_T.any() and one.episode.events.end != "truncated"
    ]
    if not foreseen:
        raise InputError("datasets: expected at least one episode in which no human drove, got none.")
    monitor.require(tuple(by_task(foreseen)), str(file))
    table = Table(title=f"{file.name}: {len(foreseen)} episodes without help", show_edge=False)
    for column in ("task", "detectors", *MEASURES):
        table.add_column(column)
    together = tuple(kind for kind in FIREWORK if kind in monitor.kinds) or monitor.kinds
    rows = [(task, together, own) for task, own in by_task(foreseen).items()]
    rows += [("all", kinds, foreseen) for kinds in dict.fromkeys([together, *((kind,) for kind in monitor.kinds)])]
    for task, kinds, own in rows:
        judgement = judge_monitor(monitor, own, kinds)
        table.add_row(task, ", ".join(kinds), *(read(judgement) for read in MEASURES.values()))
    console().print(table)


def judge_monitor(monitor: Monitor, foreseen: Sequence[ForeseenEpisode], kinds: Sequence[str]) -> Judgement:
    """Return how well the alarms of some detectors together agree with the ends of episodes."""
    detectors = monitor.only(kinds).detectors
    scores = [np.max([monitor.relative(own, one) for own in detectors], axis=0) for one in foreseen]
    return judge(scores, [one.episode.events.end == "failure" for one in foreseen])


MEASURES: Mapping[str, Callable[[Judgement], str]] = {
    "failures": lambda own: str(own.failures),
    "foreseen": lambda own: _text(own.recall, "{:.0%}"),
    f"{EARLY_FRAMES} ticks ahead": lambda own: _text(own.early_recall, "{:.0%}"),
    "lead, ticks": lambda own: _text(own.lead_frames, "{:.0f}"),
    "successes": lambda own: str(own.successes),
    "false alarms": lambda own: _text(own.false_alarms, "{:.0%}"),
    "accuracy": lambda own: _text(own.time_weighted_accuracy, "{:.2f}"),
    "AUC": lambda own: _text(own.area_under_curve, "{:.2f}"),
}
"""Columns of the table of an evaluation."""


def _text(value: float, form: str) -> str:
    """Return a number as text; a dash if it could not be measured."""
    return "-" if math.isnan(value) else form.format(value)


def _foreseen(monitor: Monitor, samples: Sequence[Samples], seed: int) -> list[ForeseenEpisode]:
    episodes = recorded_episodes(samples, samples[0].metadata.contract)
    return foresee(monitor.model, episodes, torch_generator(seed))
