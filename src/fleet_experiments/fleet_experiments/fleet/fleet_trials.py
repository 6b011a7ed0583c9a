"""Runs a fleet file with every algorithm and seed: IIFL's table 2 and its simulated benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from fleet_contract.fleet import Fleet
from fleet_contract.robot import RobotContract
from fleet_contract.signal import UNCERTAINTY
from fleet_contract.validation import InputError
from fleet_experiments.fleet.fleet_run import CHECKPOINT, DEMONSTRATIONS, FleetRun
from fleet_experiments.fleet.memory import run_bytes
from fleet_experiments.fleet.run_monitor import monitor_selection
from fleet_experiments.fleet.task_digest import task_digest
from fleet_experiments.results import Results, Row, new_results
from fleet_experiments.sweep import ROWS, read_rows, sweep
from fleet_learning.full_decider import FULL
from fleet_learning.resume_file import resume_key
from fleet_monitor.world_model import monitored_stream
from fleet_training.algorithms import ALGORITHMS, FLEET_ALGORITHMS, Algorithm
from fleet_training.first_policy import OnProgress
from fleet_training.learning_setup import LearningSetup, learning_setup

RANDOM, LIKE = "iifl_random", "iifl"
TICK_COUNTS = "course.npz"
"""File in a trial's folder with its counts per tick."""


def fleet_trials(
    experiment: str,
    fleet: Fleet,
    folder: Path,
    *,
    ticks: int,
    algorithms: Sequence[str],
    seeds: Sequence[int],
    command: str,
    address: str | None,
) -> Results:
    """Run the fleet with every algorithm and seed, each in a trial, and write results into the folder.

    Each trial's folder in `runs` also holds its counts per tick, and a fleet file with which the nodes repeat it in lockstep.
    Random allocation gets as many human actions as IIFL took with the same seed (IIFL section 7.3.1).

    Raises:
        InputError: the folder holds other runs, a run does not fit into memory, there is no cluster at the address, or
            random allocation is requested without IIFL, and IIFL is not in the folder either.
    """
    setup = learning_setup(fleet, ticks=ticks)
    key, runs = resume_key(setup.key, task_digest(fleet.environment.task)), folder / "runs"
    if RANDOM in algorithms and LIKE not in algorithms:
        _require_like(runs, seeds)
    trials = {
        f"{name}_{seed}": partial(_run, fleet, ticks, name, seed)
        for name in sorted(algorithms, key=lambda name: name == RANDOM)
        for seed in seeds
    }
    after = {f"{RANDOM}_{seed}": f"{LIKE}_{seed}" for seed in seeds}
    sweep(trials, runs, key=key, after=after, memory_bytes=run_bytes(setup), address=address)
    rows = [trial_row(runs / f"{name}_{seed}") for name in algorithms for seed in seeds]
    results = new_results(experiment, command, rows)
    results.write(folder)
    return results


def trial_row(folder: Path) -> Row:
    """Return the row of a completed trial. Without human actions there is no return on human effort (IIFL table 1: N/A).

    Raises:
        InputError: the row cannot be read, or is of another version.
    """
    match read_rows(folder):
        case [{"human_actions": actions} as row]:
            return row if actions else row | {"rohe": None}
    raise InputError(f"{folder / ROWS}: expected the row of a trial of this version, got other content.")


def require_states(algorithms: Sequence[str], contract: RobotContract) -> None:
    """Refuse algorithms with a monitor for robots with a camera: runs make monitors of states only.

    Args:
        algorithms: names of the algorithms.
        contract: contract of the robots.

    Raises:
        InputError: the robots have a camera, and an algorithm has a monitor.
    """
    monitored = [name for name in algorithms if FLEET_ALGORITHMS[name].detectors]
    if monitored and monitored_stream(contract) != "state":
        expected = ", ".join(ALGORITHMS)
        raise InputError(f"--algo: expected some of {expected} with robots that have a camera, got {monitored[0]}.")


def _require_like(folder: Path, seeds: Sequence[int]) -> None:
    """Refuse random allocation without a trial of IIFL, which determines the number of its human actions."""
    for seed in seeds:
        if not (folder / f"{LIKE}_{seed}" / ROWS).exists():
            raise InputError(
                f"--algo: expected {LIKE} beside {RANDOM}, which gets as many human actions, got no {LIKE} with seed {seed}."
            )


def _run(fleet: Fleet, ticks: int, algorithm: str, seed: int, folder: Path, on_progress: OnProgress) -> list[Row]:
    setup, config = learning_setup(fleet, ticks=ticks), FLEET_ALGORITHMS[algorithm]
    if algorithm == RANDOM:
        like = trial_row(folder.parent / f"{LIKE}_{seed}")
        setup = replace(setup, random_budget_per_tick=max(int(like["human_actions"] or 0), 1) / ticks)
    outcome = FleetRun(setup, config, seed, folder, on_progress).run()
    over_nodes(setup, outcome.algorithm).write(folder / "fleet.yaml")
    outcome.tick_counts.write(folder / TICK_COUNTS)
    return [outcome.row]


def over_nodes(setup: LearningSetup, algorithm: Algorithm) -> Fleet:
    """Return a fleet whose nodes repeat this algorithm's run in lockstep with the same seed; its paths are relative to the run.

    Nodes take the same number of gradient steps at every update: if the steps of a run do not divide evenly among its
    updates, the nodes take a few more.
    """
    updates = tuple(tick for tick in range(1, setup.ticks) if setup.steps_after(algorithm, tick))
    steps = max((setup.steps_after(algorithm, tick) for tick in updates), default=1)
    allocation = setup.allocation(algorithm, 0.0).with_threshold(UNCERTAINTY, "calibrated")
    detectors = algorithm.detectors
    monitor = [monitor_selection(detectors, Path(), learns=bool(updates))] if detectors else []
    return setup.fleet.with_changes(
        source=setup.fleet.fleet,
        supervisors={"operators": 0},
        signals=[*setup.fleet.signals, *monitor],
        policy={"checkpoint": CHECKPOINT, "decider": FULL, "precision": "float32"},
        allocation=allocation,
        training={"demonstrations": DEMONSTRATIONS, "update_ticks": updates, "gradient_steps": steps},
    )
