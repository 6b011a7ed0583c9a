"""Training from recorded runs, without the fleet: early stop on attempts that are held out, and a calibrated threshold.

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

from fleet_allocator.threshold import calibrated_threshold
from fleet_bags.lerobot.reading import is_lerobot, read_lerobot
from fleet_bags.samples import Samples, read_samples
from fleet_contract.action import ActionSource
from fleet_contract.robot import RobotContract, Stream
from fleet_contract.validation import InputError
from fleet_learning.curves import curves
from fleet_learning.dataset import Dataset, empty_dataset, read_dataset
from fleet_learning.optimization import OnStep, OptimizerState
from fleet_learning.policy import Policy
from fleet_learning.randomness import torch_generator
from fleet_learning.resume_file import ResumeFile, resume_key
from fleet_learning.scaling import contract_scaling
from fleet_training.algorithms import Algorithm
from fleet_training.first_policy import OnProgress, TrainedStart
from fleet_training.learning_setup import LearningSetup

HELD_OUT = 0.2
"""Share of the attempts, among those that humans showed something in."""
FEWEST_ATTEMPTS = 5
"""Of fewer none is held out."""
FEWEST_PAIRS = 50
CHECKS = 20
"""Times that a training is looked at."""
PATIENCE = 5
"""Checks in a row that are worse than the best, by more than its standard error, after which it ends."""
LAST_RATE = 0.05
"""Of the learning rate at the end of a training, to which it falls check by check: whoever knows when it ends can let it settle."""
MOST_DECIDED = 100
"""Held-out pairs that are decided at a check, and observations that the threshold is calibrated on."""


@dataclass(frozen=True)
class HeldOutError:
    """Mean square over pairs and dimensions of the difference between decided and shown action, in units of half the range."""

    mean: float
    standard_error: float

    @property
    def bar(self) -> float:
        """What is not worse than this, as far as one can tell."""
        return self.mean + self.standard_error


@dataclass(frozen=True)
class TrainingData:
    """What there is to learn from."""

    pairs: Dataset
    held_out: Dataset
    """Of other attempts."""
    visited: NDArray[Any]
    """Observations where the policy drove, (N, ...): what the threshold is calibrated on."""


def read_training_data(paths: Sequence[Path], contract: RobotContract, stream: Stream, seed: int) -> TrainingData:
    """What humans showed in folders that `fleet dataset build` or `export` has written, and in files of demonstrations.

    Whole attempts are held out, of folders only.

    Raises:
        BadInput: a path is neither, the robots are others, or too little was shown.
    """
    pairs = held_out = empty_dataset(contract.observed_shape(stream), contract.action_dim)
    visited = []
    for path in paths:
        if path.suffix == ".npz":
            pairs += read_dataset(path, contract.observed_shape(stream), contract.action_dim)
            continue
        samples = read_lerobot(path, contract) if is_lerobot(path) else read_samples(path)
        contract.require_same(samples.metadata.contract.digest, owner=str(path))
        kept_B = _kept(samples, seed)
        pairs += samples.pairs(samples.columns["shown"] & ~kept_B, stream)
        held_out += samples.pairs(samples.columns["shown"] & kept_B, stream)
        driven_B = (samples.columns["sources"] == ActionSource.POLICY) & ~samples.columns["violated"]
        visited.append(samples.observations(stream)[np.flatnonzero(driven_B)])
    if len(pairs) < FEWEST_PAIRS:
        raise InputError(
            f"{', '.join(map(str, paths))}: found {len(pairs)} pairs that humans showed, "
            f"allowed are {FEWEST_PAIRS} or more."
        )
    visited_N = np.concatenate(visited) if visited else held_out.observations_B
    return TrainingData(
        pairs, held_out, next(o for o in (visited_N, held_out.observations_B, pairs.observations_B) if len(o))
    )


def _kept(samples: Samples, seed: int) -> NDArray[np.bool_]:
    """Samples of the attempts that are held out."""
    attempts_B = samples.columns["attempts"]
    shown = np.unique(attempts_B[samples.columns["shown"]])
    count = round(HELD_OUT * len(shown)) if len(shown) >= FEWEST_ATTEMPTS else 0
    return np.isin(attempts_B, np.random.default_rng(seed).choice(shown, count, replace=False))


class OfflineTraining:
    """A training that goes on where it was cut, in its folder."""

    def __init__(
        self,
        setup: LearningSetup,
        algorithm: Algorithm,
        lessons: TrainingData,
        folder: Path,
        *,
        seed: int,
        advance: OnProgress = lambda *_: None,
    ) -> None:
        """`setup` says how large the policy is and how long it learns at most."""
        self._setup = setup
        self._algorithm = algorithm
        self._lessons = lessons
        self._seed = seed
        self._advance = advance
        self._folder = folder
        key = resume_key(setup.key, algorithm, lessons.pairs.digest, lessons.held_out.digest, seed)
        self._resume_file = ResumeFile(folder / "training.safetensors", key)

    def run(self) -> tuple[TrainedStart, list[HeldOutError]]:
        """Train, and calibrate.

        Returns:
            What a fleet begins with: the last policy whose error about what is held out is within one standard error of the
            least (Breiman's rule, for whoever prefers the longer training); and the errors, check by check.

        Raises:
            BadInput: the folder holds another training.
        """
        setup, pairs = self._setup, self._lessons.pairs
        total = setup.fleet.pretraining.gradient_steps
        scaling = contract_scaling(setup.contract, pairs)
        untrained = _settling(setup, total).new_policy(self._algorithm, scaling, self._seed)
        kept = self._resume_file.read()
        policy, best, errors = _read(kept, untrained) if kept else (untrained, untrained, [])
        loss = math.nan
        with curves(self._folder / "curves") as on_step_from:
            while policy.optimizer_state.steps < total and not _is_stuck(errors):
                before = policy.optimizer_state.steps
                steps = min(math.ceil(total / CHECKS), total - before)
                draw = on_step_from(before)
                fitted = policy.fit(pairs, steps=steps, seed=self._seed, on_step=self._on_step(before, draw))
                policy, loss = fitted.policy, fitted.loss
                if len(self._lessons.held_out):
                    errors.append(self._error(policy))
                    draw(steps, {"held-out error": errors[-1].mean})
                if not errors or errors[-1].mean <= _least(errors).bar:
                    best = policy
                self._resume_file.write(_written(policy, best, errors))
        self._advance("training", total, total)
        # A fleet begins with a checkpoint, which has no moments, and goes on learning at its own rate.
        served = setup.new_policy(self._algorithm, scaling, self._seed).with_state(
            best.tensors(), OptimizerState(best.optimizer_state.steps)
        )
        start = TrainedStart(pairs, served, loss, self._threshold(served))
        self._resume_file.remove()
        return start, errors

    def _on_step(self, before: int, draw: OnStep) -> OnStep:
        def on_step(done: int, measures: Mapping[str, float]) -> None:
            draw(done, measures)
            self._advance("training", before + done, self._setup.fleet.pretraining.gradient_steps)

        return on_step

    def _error(self, policy: Policy) -> HeldOutError:
        """About the same pairs, with the same draws, at every check."""
        held_out = self._lessons.held_out[_some(len(self._lessons.held_out), self._seed)]
        decided_BA = policy.decide(held_out.observations_B, torch_generator(self._seed)).actions_NA
        half_A = (self._setup.contract.action_high_A - self._setup.contract.action_low_A) / 2
        errors_B = np.square((decided_BA - held_out.actions_BA) / half_A).mean(1)
        return HeldOutError(float(errors_B.mean()), float(errors_B.std() / math.sqrt(len(errors_B))))

    def _threshold(self, policy: Policy) -> float:
        visited_N = self._lessons.visited
        decision = policy.decide(visited_N[_some(len(visited_N), self._seed)], torch_generator(self._seed))
        return calibrated_threshold(
            decision.uncertainties_N[None], self._setup.fleet.pretraining.calibration_percentile
        )


def _settling(setup: LearningSetup, total: int) -> LearningSetup:
    """The setup with a learning rate that falls to `LAST_RATE` of it within so many steps."""
    stairs = {"decay": LAST_RATE ** (1 / (CHECKS - 1)), "decay_steps": math.ceil(total / CHECKS)}
    implicit, explicit = setup.implicit, setup.explicit
    return replace(
        setup,
        implicit=replace(implicit, optimizer=replace(implicit.optimizer, **stairs)),
        explicit=replace(explicit, optimizer=replace(explicit.optimizer, **stairs)),
    )


def _some(count: int, seed: int) -> NDArray[np.int64]:
    """Rows that are enough to judge by, in their order."""
    return np.sort(np.random.default_rng(seed).permutation(count)[:MOST_DECIDED])


def _least(errors: Sequence[HeldOutError]) -> HeldOutError:
    return min(errors, key=lambda error: error.mean)


def _is_stuck(errors: Sequence[HeldOutError]) -> bool:
    return len(errors) > PATIENCE and all(error.mean > _least(errors).bar for error in errors[-PATIENCE:])


def _written(policy: Policy, best: Policy, errors: Sequence[HeldOutError]) -> dict[str, Tensor]:
    return {
        "errors": torch.tensor([astuple(error) for error in errors], dtype=torch.float64),
        "steps": torch.tensor([policy.optimizer_state.steps, best.optimizer_state.steps]),
        **{f"model.{name}": tensor for name, tensor in policy.tensors().items()},
        **{f"moments.{name}": tensor for name, tensor in policy.optimizer_state.moments.items()},
        # The best may be this one, and safetensors writes no tensor twice.
        **{f"best.{name}": tensor.clone() for name, tensor in best.tensors().items()},
    }


def _read(kept: Mapping[str, Tensor], untrained: Policy) -> tuple[Policy, Policy, list[HeldOutError]]:
    def part(prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): kept[name] for name in kept if name.startswith(prefix)}

    steps, best_steps = kept["steps"].tolist()
    policy = untrained.with_state(part("model."), OptimizerState(steps, part("moments.")))
    best = untrained.with_state(part("best."), OptimizerState(best_steps))
    return policy, best, [HeldOutError(*error) for error in kept["errors"].tolist()]
