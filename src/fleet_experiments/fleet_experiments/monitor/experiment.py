"""The monitor experiment: passive detectors on shared rollouts, and rounds in which each monitor calls its humans (FIREWORK, section 4)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from fleet_contract.signal import UNCERTAINTY, VIOLATION
from fleet_experiments.monitor.figure import draw_false_alarms, draw_film, draw_rounds
from fleet_experiments.monitor.learner import Learner, first_learner
from fleet_experiments.monitor.passive import (
    ScoredRollouts,
    as_row,
    comparison,
    false_alarms,
    scored,
)
from fleet_experiments.monitor.rollouts import Rollouts, roll_out
from fleet_experiments.monitor.scale import Scale
from fleet_experiments.results import Results, Row, new_results, run_of
from fleet_experiments.sweep import sweep
from fleet_learning.randomness import torch_generator
from fleet_learning.resume_file import resume_key
from fleet_monitor.foresight import ForeseenEpisode, foresee
from fleet_monitor.monitor import DETECTORS, FIREWORK, Monitor, help_ratios, new_monitor, read_monitor, write_monitor
from fleet_monitor.monitor_signals import MonitorSignals
from fleet_monitor.round import after_round
from fleet_monitor.rules import DEFAULT_RULE, DEFAULT_RULES, Rules, adaptive_if_possible
from fleet_monitor.watch import Watch
from fleet_monitor.world_model import read_world_model
from fleet_training.algorithms import RESETS_ONLY
from fleet_training.first_policy import OnProgress
from fleet_training.learning_setup import LearningSetup
from fleet_training.monitor_training import MONITOR, WORLD_MODEL, MonitorTraining

ENVIRONMENTS = ("tabletop", "metaworld")
"""Fleets with robots of several tasks and cameras, in which the experiment is made; rows are named after them."""
WORLD_SEED = 100
"""Seed of the recordings that the world model learns from; no policy or monitor has seen them."""
BUDGETS = "budgets.json"
"""File with the factors of thresholds at which monitors ask equally often."""
ORDERS: Mapping[str, tuple[str, ...]] = {
    "none": RESETS_ONLY,
    UNCERTAINTY: (UNCERTAINTY, VIOLATION),
    "reconstruction": ("reconstruction", VIOLATION),
    "spread": ("spread", VIOLATION),
    "distillation": ("distillation", VIOLATION),
    "firework": (*FIREWORK, VIOLATION),
    "adaptive": (*FIREWORK, VIOLATION),
}
"""Orders of the allocation by monitor. `adaptive` is `firework` whose percentiles follow the help of the last round."""
RULES: Mapping[str, Rules] = {"adaptive": adaptive_if_possible}
"""How thresholds are chosen after a round, by monitor; the default rules for the others."""


def monitor_experiment(
    setup: LearningSetup,
    folder: Path,
    *,
    monitors: Sequence[str],
    seeds: Sequence[int],
    scale: Scale,
    command: str,
    address: str | None,
) -> Results:
    """Compare passive detectors, then run the rounds of every monitor, and write results and figures into the folder.

    Raises:
        InputError: the folder holds other runs, or there is no cluster at the address.
    """
    runs = {"world_model": partial(_world_model, setup, scale)}
    after = {}
    for seed in seeds:
        runs[f"passive_{seed}"] = partial(_passive, setup, scale, seed)
        after[f"passive_{seed}"] = "world_model"
    for name in monitors:
        for seed in seeds:
            runs[f"{name}_{seed}"] = partial(_rounds, setup, scale, name, seed)
            after[f"{name}_{seed}"] = f"passive_{seed}"
    rows = sweep(runs, folder / "runs", key=resume_key(setup.key, scale), after=after, address=address)
    results = new_results("monitor", command, rows)
    results.write(folder)
    draw_false_alarms(rows, folder / "false_alarms.png")
    draw_rounds(rows, folder / "rounds.png")
    return results


def _world_model(setup: LearningSetup, scale: Scale, folder: Path, on_progress: OnProgress) -> list[Row]:
    """Train the world model on recordings of humans and of a policy, and describe what it has learned from."""
    learner = first_learner(setup, steps=scale.first_steps, seed=WORLD_SEED)
    # No uncertainty is below this threshold: all robots ask at every tick.
    ask_always = {UNCERTAINTY: -1.0}
    recorded = [
        roll_out(setup, learner.policy, RESETS_ONLY, episodes=2 * scale.episodes, seed=WORLD_SEED),
        roll_out(
            setup,
            learner.policy,
            ORDERS[UNCERTAINTY],
            episodes=scale.episodes,
            seed=WORLD_SEED + 1,
            thresholds=ask_always,
        ),
    ]
    episodes = [episode for rollouts in recorded for episode in rollouts.episodes]
    training = MonitorTraining(
        setup.contract, folder, WORLD_SEED, scale.world_model, scale.autoencoder_steps, scale.dynamics_steps
    )
    training.world_model(episodes, on_progress)
    frames = sum(len(episode.observations_F) for episode in episodes)
    return [
        run_of(setup.fleet.fleet, "world model", WORLD_SEED, "recordings")
        | {"episodes": len(episodes), "frames": frames}
    ]


def _passive(setup: LearningSetup, scale: Scale, seed: int, folder: Path, on_progress: OnProgress) -> list[Row]:
    """Fit all detectors to rollouts of the first policy, and judge them on others."""
    learner = first_learner(setup, steps=scale.first_steps, seed=seed)
    model, digest = read_world_model(folder.parent / "world_model" / WORLD_MODEL, setup.contract)
    sets = {}
    for number, name in enumerate(("learned", "held back", "test")):
        on_progress(name, number, 3)
        sets[name] = _autonomous(setup, learner, scale, 1000 * seed + number)
    foreseen = {
        name: foresee(model, own.episodes, torch_generator(seed, number))
        for number, (name, own) in enumerate(sets.items())
    }
    monitor = new_monitor(model, tuple(DETECTORS), seed=seed).fitted(foreseen["learned"], seed=seed)
    held_back, test = (
        scored(monitor, foreseen[name], _uncertainties(sets[name], foreseen[name]), seed)
        for name in ("held back", "test")
    )
    rows = [
        run_of(setup.fleet.fleet, name, seed, "passive") | as_row(judgement)
        for name, judgement in comparison(held_back, test).items()
    ]
    rows += [
        run_of(setup.fleet.fleet, str(row["detector"]), seed, str(row["rule"])) | row
        for row in false_alarms(held_back, test)
    ]
    calibrated = monitor.calibrated(
        foreseen["held back"], dict.fromkeys(monitor.kinds, DEFAULT_RULE), help_ratios(foreseen["learned"])
    )
    # The monitor's file names the file of its world model, which must lie beside it.
    (folder / WORLD_MODEL).write_bytes((folder.parent / "world_model" / WORLD_MODEL).read_bytes())
    write_monitor(
        folder / MONITOR, calibrated, setup.contract, world_model=digest, world_model_file=WORLD_MODEL, rounds=1
    )
    budgets = _budgets(calibrated, held_back, scale.budget)
    (folder / BUDGETS).write_text(json.dumps(budgets, indent=1), encoding="utf-8")
    draw_film(calibrated, foreseen["test"], folder / "film.png")
    return rows


def _rounds(
    setup: LearningSetup, scale: Scale, name: str, seed: int, folder: Path, on_progress: OnProgress
) -> list[Row]:
    """Let one monitor call humans for some rounds; policy and detectors learn from each."""
    learner = first_learner(setup, steps=scale.first_steps, seed=seed)
    passive = folder.parent / f"passive_{seed}"
    all_detectors, _ = read_monitor(passive / MONITOR, setup.contract)
    kinds = tuple(kind for kind in ORDERS[name] if kind in DETECTORS)
    monitor = all_detectors.only(kinds)
    factor = json.loads((passive / BUDGETS).read_text(encoding="utf-8")).get(name, 1.0)
    rows: list[Row] = []
    for number in range(1, scale.rounds + 1):
        round_seed = 1000 * seed + 10 * number
        own = [MonitorSignals(Watch(monitor.scaled(factor), setup.fleet.tasks, every=scale.every), kinds, bgr=False)]
        rollouts = roll_out(
            setup,
            learner.policy,
            ORDERS[name],
            episodes=scale.episodes,
            seed=round_seed,
            thresholds={UNCERTAINTY: factor} if name == UNCERTAINTY else None,
            providers=own if kinds else (),
            advance=partial(on_progress, f"round {number}"),
        )
        learner = learner.after_round(rollouts.rollouts, steps=scale.round_steps, seed=round_seed)
        alone = _autonomous(setup, learner, scale, 1000 * seed + 3)
        rows.append(run_of(setup.fleet.fleet, name, seed, f"round {number}") | _measured(setup, rollouts, alone))
        if kinds and number < scale.rounds:
            on_progress(f"fitting {number}", 0, 1)
            monitor = after_round(monitor, rollouts.episodes, seed=round_seed, rules=RULES.get(name, DEFAULT_RULES))
    return rows


def _autonomous(setup: LearningSetup, learner: Learner, scale: Scale, seed: int) -> Rollouts:
    return roll_out(setup, learner.policy, RESETS_ONLY, episodes=scale.episodes, seed=seed)


def _uncertainties(rollouts: Rollouts, foreseen: Sequence[ForeseenEpisode]) -> list[np.ndarray]:
    """Return the uncertainties of the episodes that were foreseen; episodes shorter than the context are not."""
    own = {id(rollout.episode): rollout.uncertainties_F for rollout in rollouts.rollouts}
    return [own[id(one.episode)] for one in foreseen]


def _budgets(monitor: Monitor, held_back: ScoredRollouts, budget: float) -> dict[str, float]:
    """Return by monitor the factor of its thresholds at which it asks for help at this share of all frames.

    The uncertainty, which is in no monitor, gets the threshold itself.
    """
    relative = {
        kind: held_back.relative(kind, {task: own[kind] for task, own in monitor.thresholds.items()})
        for kind in monitor.kinds
    }
    largest = {
        name: [
            np.fmax.reduce(own) for own in zip(*(relative[kind] for kind in order if kind in DETECTORS), strict=True)
        ]
        for name, order in ORDERS.items()
        if set(order) & set(DETECTORS)
    }
    largest[UNCERTAINTY] = held_back.scores[UNCERTAINTY]
    factors = {}
    for name, scores in largest.items():
        frames_F = np.concatenate(scores)
        factors[name] = float(np.quantile(np.where(np.isnan(frames_F), 0.0, frames_F), 1 - budget))
    return factors


def _measured(setup: LearningSetup, rollouts: Rollouts, alone: Rollouts) -> Row:
    """Return the measurements of one round; the return on human effort in both definitions.

    FIREWORK does not define it: its success / (1 + share of human steps) fits the paper's numbers. IIFL's equation 3 has completed
    tasks as reward here.
    """
    successes = sum(episode.events.end == "success" for episode in rollouts.episodes)
    return {
        "combined": rollouts.success,
        "autonomous": alone.success,
        "human_share": rollouts.human_share,
        "rohe_firework": rollouts.success / (1 + rollouts.human_share),
        "rohe_iifl": successes / setup.fleet.robots.count / (1 + rollouts.human_actions),
        "human_actions": rollouts.human_actions,
    }
