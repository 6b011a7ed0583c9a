"""Makes the first policy of a fleet from a simulation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.progress import MofNCompleteColumn, Progress

from fleet_contract.fleet import Fleet, read_fleet
from fleet_contract.signal import UNCERTAINTY
from fleet_contract.validation import InputError
from fleet_learning.full_decider import FULL
from fleet_training.algorithms import ALGORITHMS
from fleet_training.calibration import simulated_calibration
from fleet_training.first_policy import FirstPolicy, OnProgress, TrainedStart
from fleet_training.learning_setup import learning_setup
from fleet_training.recalibration import thresholds_text
from sim_bridge.backends import simulated_backends

KINDS = {"implicit": ALGORITHMS["iifl"], "explicit": ALGORITHMS["ifl"]}
"""Algorithms whose first policies are of these kinds."""


def pretrain(fleet_file: Path, *, seed: int, kind: str = "implicit") -> None:
    """Write the demonstrations and the checkpoint that the fleet file names, from a simulation of the fleet.

    Args:
        fleet_file: the fleet file.
        seed: seed of demonstrations, training and calibration.
        kind: kind of the policy, one of `KINDS`.

    Raises:
        InputError: the fleet file cannot be used, or there is no simulation of its robots.
    """
    fleet = read_fleet(fleet_file)
    backend = fleet.environment.backend
    if backend not in simulated_backends():
        raise InputError(
            f"{fleet_file}: environment.backend: expected a simulation, got {backend}; record human actions with "
            "./fleet up --demonstrate, and learn from them with ./fleet dataset build and ./fleet train."
        )
    setup = learning_setup(fleet, ticks=0)
    with _progress() as advance, TemporaryDirectory() as folder:
        start = FirstPolicy(setup, KINDS[kind], seed, Path(folder), advance).start(_ignore)
    others = [
        kind
        for kind in start.policy.deciders
        if kind != FULL and fleet.allocation.threshold(UNCERTAINTY) == "calibrated"
    ]
    calibrations = (simulated_calibration(setup, start.policy, kind, seed=seed) for kind in others)
    start = replace(start, calibrations=(*start.calibrations, *calibrations))
    _write(start, fleet, f"fleet pretrain --fleet {fleet.fleet} --seed {seed} --policy {kind}")


def _ignore(_: int, __: Mapping[str, float]) -> None:
    """Draw no curves."""


@contextmanager
def _progress() -> Iterator[OnProgress]:
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn()) as progress:
        tasks = {stage: progress.add_task(stage, total=None) for stage in ("pretraining", "calibration")}
        yield lambda stage, done, total: progress.update(tasks[stage], completed=done, total=total)


def _write(start: TrainedStart, fleet: Fleet, command: str) -> None:
    for file in (fleet.training.demonstrations, fleet.policy.require_checkpoint()):
        file.parent.mkdir(parents=True, exist_ok=True)
    start.write(fleet.policy.require_checkpoint(), fleet.training.demonstrations, fleet.contract(), command)
    print(
        f"{fleet.policy.require_checkpoint()}: loss {start.loss:.3f}, {thresholds_text(start.calibrations, start.policy)}"
    )
