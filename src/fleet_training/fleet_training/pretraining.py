"""The first policy of a fleet: demonstrations, training, and the calibrated threshold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.progress import MofNCompleteColumn, Progress

from fleet_allocator.threshold import calibrated_threshold
from fleet_contract.fleet import Fleet, read_fleet
from fleet_contract.validation import InputError
from fleet_learning.dataset import Dataset
from fleet_learning.randomness import torch_generator
from fleet_learning.scaling import contract_scaling
from fleet_training.algorithms import ALGORITHMS
from fleet_training.first_policy import FirstPolicy, OnProgress, TrainedStart
from fleet_training.learning_setup import learning_setup

UNSEEN = 5
"""Of so many pairs shown, the last one is kept from the training, and the threshold calibrated on it."""
FEWEST_PAIRS = 50


def pretrain(fleet_file: Path, *, seed: int) -> None:
    """Write the demonstrations and the checkpoint that the fleet file names, from a simulation of the fleet.

    Raises:
        BadInput: the fleet file cannot be used, or there is no simulation of its robots.
    """
    fleet = read_fleet(fleet_file)
    if fleet.environment.backend == "ros":
        raise InputError(
            f"{fleet_file}: environment.backend: found ros, allowed without --from is a simulation; what humans show "
            "such robots is recorded by ./fleet up --demonstrate."
        )
    with _progress() as advance, TemporaryDirectory() as folder:
        start = FirstPolicy(learning_setup(fleet, ticks=0), ALGORITHMS["iifl"], seed, Path(folder), advance).start(
            _ignore
        )
    _write(start, fleet, f"fleet pretrain --fleet {fleet.fleet} --seed {seed}")


def pretrain_from(fleet: Fleet, shown: Dataset, *, seed: int) -> None:
    """Write the demonstrations and the checkpoint that the fleet file names, from what humans showed the fleet itself.

    The threshold is the percentile of the uncertainties about the last part of what was shown, which training does not see:
    the policy has not driven the robots yet, and where it will take them nobody knows. Where humans went it is surer than it
    will be, so the threshold is rather low, and it rather asks too often.

    Args:
        fleet: the fleet.
        shown: pairs in the order in which they were shown.
        seed: of the training and the calibration.

    Raises:
        BadInput: too little was shown.
    """
    if len(shown) < FEWEST_PAIRS:
        raise InputError(f"--from: found {len(shown)} pairs that humans showed, allowed are {FEWEST_PAIRS} or more.")
    setup, steps = learning_setup(fleet, ticks=0), fleet.pretraining.gradient_steps
    seen = np.arange(len(shown)) < len(shown) - len(shown) // UNSEEN
    policy = setup.new_policy(ALGORITHMS["iifl"], contract_scaling(setup.contract, shown[seen]), seed)
    with _progress() as advance:
        fitted = policy.fit(
            shown[seen],
            steps=steps,
            seed=seed,
            on_step=lambda done, _: advance("pretraining", done, steps),
        )
        decision = fitted.policy.decide(shown[~seen].observations_B, torch_generator(seed))
        advance("calibration", 1, 1)
    threshold = calibrated_threshold(decision.uncertainties_N[None], fleet.pretraining.calibration_percentile)
    _write(
        TrainedStart(shown, fitted.policy, fitted.loss, threshold),
        fleet,
        f"fleet pretrain --from RUN --fleet {fleet.fleet} --seed {seed}",
    )


def _ignore(_: int, __: Mapping[str, float]) -> None:
    """The curves of this training are not kept."""


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
        f"{fleet.policy.require_checkpoint()}: loss {start.loss:.3f}, threshold {start.threshold:.3f} {start.policy.uncertainty_unit}"
    )
