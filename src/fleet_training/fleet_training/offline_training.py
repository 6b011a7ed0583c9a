"""Training from recorded runs, without the fleet: early stopping on held-out attempts, and a calibrated threshold.

B pairs, N observations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fleet_bags.lerobot.reading import is_lerobot, read_lerobot
from fleet_bags.samples import Samples, read_samples
from fleet_contract.action import ActionKind, ActionSource
from fleet_contract.robot import RobotContract, Stream
from fleet_contract.validation import InputError
from fleet_learning.curves import curves
from fleet_learning.dataset import Dataset, empty_dataset, read_dataset
from fleet_learning.optimization import OnStep, OptimizerState
from fleet_learning.policy import Policy
from fleet_learning.policy_state import policy_from_state, state_tensors
from fleet_learning.randomness import torch_generator
from fleet_learning.resume_file import ResumeFile, resume_key
from fleet_learning.scaling import Scaling, contract_scaling
from fleet_training.algorithms import Algorithm
from fleet_training.calibration import recorded_calibration, sampled_rows
from fleet_training.first_policy import OnProgress, TrainedStart
from fleet_training.learning_setup import LearningSetup

HELD_OUT = 0.2
"""Share of the attempts with human actions that is held out."""
FEWEST_ATTEMPTS = 5
"""Nothing is held out of fewer attempts."""
FEWEST_PAIRS = 50
CHECKS = 20
"""Evaluations on the held-out pairs during a training."""
PATIENCE = 5
"""Consecutive checks that are worse than the best by more than its standard error, after which the training stops."""
LAST_RATE = 0.05
"""Share of the learning rate that is left at the end of a training; it falls from check to check."""


@dataclass(frozen=True)
class HeldOutError:
    """Mean squared error of actions over pairs and dimensions, in units of half the range of actions."""

    mean: float
    standard_error: float

    @property
    def bar(self) -> float:
        """Errors up to this one are not significantly worse."""
        return self.mean + self.standard_error


@dataclass(frozen=True)
class TrainingData:
    """What a policy is trained, evaluated and calibrated on."""

    pairs: Dataset
    held_out: Dataset
    """Pairs of other attempts."""
    visited: NDArray[Any]
    """Observations at which the policy drove, (N, ...): the threshold is calibrated on them."""


def no_training_data(contract: RobotContract, stream: Stream) -> TrainingData:
    """Return training data without pairs."""
    empty = empty_dataset(contract.observed_shape(stream), contract.action_dim)
    return TrainingData(empty, empty, empty.observations_B)


def held_out_error(policy: Policy, contract: RobotContract, held_out: Dataset, seed: int) -> HeldOutError:
    """Evaluate a policy on up to `MAX_OBSERVATIONS` pairs, the same ones with the same random draws for every policy."""
    pairs = held_out[sampled_rows(len(held_out), seed)]
    decided_BA = policy.decide(pairs.observations_B, torch_generator(seed)).actions_NA
    half_A = (contract.action_high_A - contract.action_low_A) / 2
    errors_B = np.square((decided_BA - pairs.actions_BA) / half_A).mean(1)
    return HeldOutError(float(errors_B.mean()), float(errors_B.std() / math.sqrt(len(errors_B))))


def read_training_data(paths: Sequence[Path], contract: RobotContract, stream: Stream, seed: int) -> TrainingData:
    """Read human actions from folders that `fleet dataset build` or `export` wrote, and from files of demonstrations.

    Whole attempts are held out, from folders only. Where there are too few attempts for that and no policy drove, the last part of
    the pairs is held out instead: a policy is more certain about the pairs that it is trained on than about any others.

    Raises:
        InputError: a path is neither, the robots have another contract, or there are too few pairs.
    """
    none = no_training_data(contract, stream)
    pairs, held_out, visited = none.pairs, none.held_out, []
    for path in paths:
        if path.suffix == ".npz":
            pairs += read_dataset(path, contract.observed_shape(stream), contract.action_dim).shown()
            continue
        samples = read_lerobot(path, contract) if is_lerobot(path) else read_samples(path)
        contract.require_same(samples.metadata.contract.digest, owner=str(path))
        if stream == "camera" and not samples.metadata.has_images:
            raise InputError(
                f"{path}: images: expected a training set of robots that have a camera, got one without images."
            )
        held_out_B = _held_out(samples, seed)
        pairs += samples.pairs(samples.columns["shown"] & ~held_out_B, stream)
        held_out += samples.pairs(samples.columns["shown"] & held_out_B, stream)
        visited.append(samples.observations(stream)[np.flatnonzero(_driven(samples))])
    if len(pairs) < FEWEST_PAIRS:
        raise InputError(
            f"{', '.join(map(str, paths))}: expected at least {FEWEST_PAIRS} pairs with human actions, "
            f"got {len(pairs)}."
        )
    visited_N = np.concatenate(visited) if visited else held_out.observations_B
    return TrainingData(
        pairs, held_out, next(o for o in (visited_N, held_out.observations_B, pairs.observations_B) if len(o))
    )


def _held_out(samples: Samples, seed: int) -> NDArray[np.bool_]:
    """Select the samples that are held out: of some attempts, or the last ones if there are too few attempts."""
    attempts_B, shown_B = samples.columns["attempts"], samples.columns["shown"]
    attempts = np.unique(attempts_B[shown_B])
    if len(attempts) >= FEWEST_ATTEMPTS:
        chosen = np.random.default_rng(seed).choice(attempts, round(HELD_OUT * len(attempts)), replace=False)
        return np.isin(attempts_B, chosen)
    held_out_B = np.zeros(len(samples), dtype=np.bool_)
    if not _driven(samples).any():
        rows = np.flatnonzero(shown_B)
        held_out_B[rows[len(rows) - round(HELD_OUT * len(rows)) :]] = True
    return held_out_B


def _driven(samples: Samples) -> NDArray[np.bool_]:
    """Select the samples at which the policy moved the robot; without a policy, a robot without a human holds."""
    columns = samples.columns
    moved_B = (columns["sources"] == ActionSource.POLICY) & (columns["kinds"] == ActionKind.MOVE)
    driven_B: NDArray[np.bool_] = moved_B & ~columns["violated"]
    return driven_B


class OfflineTraining:
    """A training from recordings; one that was interrupted resumes in its folder."""

    def __init__(
        self,
        setup: LearningSetup,
        algorithm: Algorithm,
        data: TrainingData,
        folder: Path,
        *,
        seed: int,
        scaling: Scaling | None = None,
        advance: OnProgress = lambda *_: None,
    ) -> None:
        """`setup` sets the size of the policy and the largest number of gradient steps.

        Without a scaling, the policy gets that of its pairs.
        """
        self._setup = setup
        self._algorithm = algorithm
        self._data = data
        self._seed = seed
        self._scaling = scaling or contract_scaling(setup.contract, data.pairs)
        self._advance = advance
        self._folder = folder
        chosen = [] if scaling is None else [{name: own.tolist() for name, own in scaling.tensors().items()}]
        key = resume_key(setup.key, algorithm, data.pairs.digest, data.held_out.digest, seed, *chosen)
        self._resume_file = ResumeFile(folder / "training.safetensors", key)

    def run(self) -> tuple[TrainedStart, list[HeldOutError]]:
        """Train a policy and calibrate its threshold.

        Returns:
            What a fleet starts with, with the last policy whose held-out error is within one standard error of the lowest
            (Breiman's rule, in favour of the longer training); and the errors of all checks.

        Raises:
            InputError: the folder holds another training.
        """
        setup, pairs = self._setup, self._data.pairs
        total = setup.fleet.pretraining.gradient_steps
        untrained = _with_falling_rate(setup, total).new_policy(self._algorithm, self._scaling, self._seed)
        saved = self._resume_file.read()
        policy, best, errors = _from_state(saved, untrained) if saved else (untrained, untrained, [])
        loss = math.nan
        with curves(self._folder / "curves") as on_step_from:
            while policy.optimizer_state.steps < total and not _has_converged(errors):
                before = policy.optimizer_state.steps
                steps = min(math.ceil(total / CHECKS), total - before)
                draw = on_step_from(before)
                fitted = policy.fit(pairs, steps=steps, seed=self._seed, on_step=self._on_step(before, draw))
                policy, loss = fitted.policy, fitted.loss
                if len(self._data.held_out):
                    errors.append(held_out_error(policy, setup.contract, self._data.held_out, self._seed))
                    draw(steps, {"held-out error": errors[-1].mean})
                if not errors or errors[-1].mean <= _lowest(errors).bar:
                    best = policy
                self._resume_file.write(_state(policy, best, errors))
        self._advance("training", total, total)
        # A fleet starts with a checkpoint, which has no moments, and goes on learning at its own rate.
        served = setup.new_policy(self._algorithm, self._scaling, self._seed).with_state(
            best.tensors(), OptimizerState(best.optimizer_state.steps)
        )
        calibration = recorded_calibration(setup.fleet, served, self._data.visited, seed=self._seed)
        start = TrainedStart(pairs, served, loss, (calibration,))
        self._resume_file.remove()
        return start, errors

    def _on_step(self, before: int, draw: OnStep) -> OnStep:
        def on_step(done: int, measures: Mapping[str, float]) -> None:
            draw(done, measures)
            self._advance("training", before + done, self._setup.fleet.pretraining.gradient_steps)

        return on_step


def _with_falling_rate(setup: LearningSetup, total: int) -> LearningSetup:
    """Return the setup with a learning rate that falls to `LAST_RATE` of its value within `total` steps."""
    stairs = {"decay": LAST_RATE ** (1 / (CHECKS - 1)), "decay_steps": math.ceil(total / CHECKS)}
    implicit, explicit = setup.implicit, setup.explicit
    return replace(
        setup,
        implicit=replace(implicit, optimizer=replace(implicit.optimizer, **stairs)),
        explicit=replace(explicit, optimizer=replace(explicit.optimizer, **stairs)),
    )


def _lowest(errors: Sequence[HeldOutError]) -> HeldOutError:
    return min(errors, key=lambda error: error.mean)


def _has_converged(errors: Sequence[HeldOutError]) -> bool:
    return len(errors) > PATIENCE and all(error.mean > _lowest(errors).bar for error in errors[-PATIENCE:])


def _state(policy: Policy, best: Policy, errors: Sequence[HeldOutError]) -> dict[str, Tensor]:
    return {
        "errors": torch.tensor([astuple(error) for error in errors], dtype=torch.float64),
        **state_tensors(policy, "policy."),
        **state_tensors(best, "best."),
    }


def _from_state(saved: Mapping[str, Tensor], untrained: Policy) -> tuple[Policy, Policy, list[HeldOutError]]:
    errors = [HeldOutError(*error) for error in saved["errors"].tolist()]
    return policy_from_state(untrained, saved, "policy."), policy_from_state(untrained, saved, "best."), errors
