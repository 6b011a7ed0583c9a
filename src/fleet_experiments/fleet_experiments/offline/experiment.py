"""Trains policies by behaviour cloning on recorded demonstrations, and measures them on held-out episodes.

B held-out pairs, K actions per pair, S state dim, A action dim.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor
from typing_extensions import override

from fleet_experiments.offline.recordings import Demonstrations
from fleet_experiments.results import Results, Row, new_results, run_of
from fleet_experiments.sweep import sweep
from fleet_learning.dataset import Dataset
from fleet_learning.optimization import OptimizerConfig
from fleet_learning.randomness import torch_generator
from fleet_learning.resume_file import resume_key
from fleet_learning.scaling import Scaling, data_range, fit_scaling
from fleet_training.first_policy import OnProgress
from iifl_policy.energy import EnergyShape
from iifl_policy.explicit import ExplicitConfig, ExplicitShape, new_explicit
from iifl_policy.implicit import ImplicitConfig, new_implicit
from iifl_policy.langevin import REFERENCE, Langevin
from iifl_policy.loss import LossConfig
from iifl_policy.polish import Polish
from iifl_policy.sampler import ActionSamples
from iifl_policy.uniform import Uniform

HELD_OUT = 0.2
"""Fraction of the episodes that are held out."""
MEASURED = 500
"""Largest number of held-out pairs that are measured."""
CHAINS = 64
BEST_OF = 8
"""Number of actions of which `best_of_8_mse` takes the closest."""
SPREAD = 256
"""Number of uniformly distributed actions whose energies are compared with that of the demonstrated action."""
ACTION_RANGE = (-1.0, 1.0)


@dataclass(frozen=True)
class ExplicitRecipe:
    """Hyperparameters of an explicit policy."""

    name: str
    own_range: bool
    """Whether actions are scaled by the data's range rather than the robot's."""


@dataclass(frozen=True)
class ImplicitRecipe:
    """Hyperparameters of an implicit policy."""

    name: str
    own_range: bool
    """Whether actions are scaled by the data's range rather than the robot's."""
    sampler: Langevin
    """Sampler of decisions."""
    loss: LossConfig
    optimizer: OptimizerConfig
    polish: Polish | None


_OURS = ImplicitRecipe(
    "IBC",
    own_range=True,
    sampler=Langevin(iterations=50),
    loss=LossConfig(sampler=Langevin(iterations=20), gradient_margin=3.0),
    optimizer=OptimizerConfig(batch_size=64, learning_rate=1e-3),
    polish=Polish(),
)
RECIPES: dict[str, ExplicitRecipe | ImplicitRecipe] = {
    "bc": ExplicitRecipe("BC", own_range=False),
    "bc_in_data_range": ExplicitRecipe("BC in the data's range", own_range=True),
    "ibc": _OURS,
    "ibc_in_robot_range": replace(_OURS, name="IBC in the robot's range", own_range=False),
    "ibc_as_published": ImplicitRecipe(
        "IBC as published",
        own_range=False,
        sampler=REFERENCE,
        loss=LossConfig(sampler=REFERENCE, penalty="sum"),
        optimizer=OptimizerConfig(batch_size=64),
        polish=None,
    ),
}
"""Recipes by method; the last one is that of the IIFL authors' code without the spectral norm."""
BASELINES = "baselines"
METHODS = (BASELINES, *RECIPES)


def offline(
    recording: Demonstrations,
    folder: Path,
    *,
    env: str,
    seeds: Sequence[int],
    steps: Sequence[int],
    command: str,
    address: str | None = None,
) -> Results:
    """Train and measure every policy and the baselines on a different split of the episodes per seed, and write the results.

    Raises:
        InputError: the folder holds other runs, or there is no cluster at the address.
        ValueError: there is only one episode.
    """
    runs = {
        f"{method}_{seed}": partial(clone, method, recording, env=env, seed=seed, steps=steps)
        for method in METHODS
        for seed in seeds
    }
    key = resume_key(recording.dataset.digest, sorted(steps))
    results = new_results("offline", command, sweep(runs, folder / "runs", key=key, address=address))
    results.write(folder)
    return results


def clone(
    method: str,
    recording: Demonstrations,
    folder: Path,  # noqa: ARG001 - nothing is resumed
    on_progress: OnProgress,
    *,
    env: str,
    seed: int,
    steps: Sequence[int],
    width: int = 256,
    depth: int = 6,
) -> list[Row]:
    """Train one of `METHODS` and return its rows; `seed` determines the split, training and sampling.

    `mse` is the mean squared difference from the demonstrated action over held-out pairs and dimensions; `rmse_0` and so on
    are its roots in each dimension, in the action's units. `best_of_8_mse` is that of the closest of eight actions: of eight
    samples of the policy, or of the actions at the eight nearest observations; it does not penalize other valid modes of the
    task. Energy models have `depth` hidden layers of `width`.
    """
    training, rest = recording.split(HELD_OUT, seed)
    held_out = rest[np.sort(np.random.default_rng(seed).permutation(len(rest))[:MEASURED])]
    if method == BASELINES:
        return [
            run_of(env, name, seed, "baseline") | _errors(actions_KBA, held_out)
            for name, actions_KBA in _baselines(training, held_out).items()
        ]
    recipe = RECIPES[method]
    cloning: _Cloning = (
        _Explicit(recipe, training, seed)
        if isinstance(recipe, ExplicitRecipe)
        else _Implicit(recipe, training, seed, width, depth)
    )
    rows: list[Row] = []
    for until in sorted(steps):
        started_s, done = time.perf_counter(), cloning.policy.optimizer_state.steps

        def on_step(step: int, _: Mapping[str, float], done: int = done) -> None:
            on_progress("training", done + step, max(steps))

        cloning.policy = cloning.policy.fit(training, steps=until - done, seed=seed, on_step=on_step).policy
        training_s = time.perf_counter() - started_s
        errors = cloning.measure(held_out, seed)
        rows.append(run_of(env, recipe.name, seed, f"{until} steps") | errors | {"training_s": training_s})
    return rows


def _errors(actions_KBA: NDArray[np.float64], held_out: Dataset, samples_KBA: NDArray[np.float64] | None = None) -> Row:
    """Return the errors of the first of the actions, and of the closest of all actions (or of the samples)."""
    squares_KBA = np.square(actions_KBA - held_out.actions_BA)
    others_KBA = squares_KBA if samples_KBA is None else np.square(samples_KBA - held_out.actions_BA)
    row: Row = {"mse": float(squares_KBA[0].mean()), "best_of_8_mse": float(others_KBA.mean(-1).min(0).mean())}
    return row | {f"rmse_{index}": float(np.sqrt(square)) for index, square in enumerate(squares_KBA[0].mean(0))}


def _baselines(training: Dataset, held_out: Dataset) -> dict[str, NDArray[np.float64]]:
    """Return the actions (K, B, A) of methods without training."""
    mean_S, std_S = training.observations_B.mean(0), training.observations_B.std(0) + 1e-8
    tree = cKDTree((training.observations_B - mean_S) / std_S)
    _, nearest_BK = tree.query((held_out.observations_B - mean_S) / std_S, k=BEST_OF)
    mean_A = training.actions_BA.mean(0)
    return {
        "mean action": np.broadcast_to(mean_A, (1, *held_out.actions_BA.shape)),
        "nearest neighbours": training.actions_BA[nearest_BK].swapaxes(0, 1),
    }


class _Cloning(Protocol):
    """A policy in training."""

    policy: Any

    def measure(self, held_out: Dataset, seed: int) -> Row:
        """Return the current errors of the policy."""


class _Explicit(_Cloning):
    """Behaviour cloning by least squares."""

    def __init__(self, recipe: ExplicitRecipe, training: Dataset, seed: int) -> None:
        shape = ExplicitShape(training.observations_B.shape[1], training.actions_BA.shape[1], members=1)
        config = ExplicitConfig(shape, optimizer=OptimizerConfig(batch_size=64, learning_rate=1e-3))
        self.policy = new_explicit(config, _scaling(training, own_range=recipe.own_range), torch_generator(seed))

    @override
    def measure(self, held_out: Dataset, seed: int) -> Row:
        actions_BA = self.policy.decide(held_out.observations_B.astype(np.float64), torch_generator(seed)).actions_NA
        return _errors(actions_BA[None], held_out)


class _Implicit(_Cloning):
    """Implicit behaviour cloning with one member."""

    def __init__(self, recipe: ImplicitRecipe, training: Dataset, seed: int, width: int, depth: int) -> None:
        config = ImplicitConfig(
            EnergyShape(training.observations_B.shape[1], training.actions_BA.shape[1], 1, width, depth),
            sampler=recipe.sampler,
            chains=CHAINS,
            polish=recipe.polish,
            loss=recipe.loss,
            optimizer=recipe.optimizer,
        )
        self.policy = new_implicit(config, _scaling(training, own_range=recipe.own_range), torch_generator(seed))

    @override
    def measure(self, held_out: Dataset, seed: int) -> Row:
        policy, polish = self.policy, self.policy.config.polish
        features_EBW = policy.features(held_out.observations_B)
        samples = policy.samples(features_EBW, torch_generator(seed))
        eight = ActionSamples(
            *(part[:, :, :BEST_OF] for part in (samples.actions_EBKA, samples.energies_EBK, samples.weights_EBK))
        )
        if polish:
            samples, eight = (polish(policy.model, features_EBW, each) for each in (samples, eight))
        best_BA, eight_BKA = (
            policy.scaling.robot_actions(actions).double().numpy()
            for actions in (samples.best(0), eight.actions_EBKA[0])
        )
        row = _errors(best_BA[None], held_out, eight_BKA.swapaxes(0, 1))
        return row | {"uniform_below": self._uniform_below(features_EBW, held_out, seed)}

    def _uniform_below(self, features_EBW: Tensor, held_out: Dataset, seed: int) -> float:
        """Return the fraction of uniformly distributed actions with lower energy than the demonstrated action."""
        policy = self.policy
        spread = Uniform().sample(policy.model, features_EBW, SPREAD, torch_generator(seed))
        _, demonstrated_BA = policy.scaling.pairs(held_out)
        demonstrated_EB1 = policy.model(features_EBW, demonstrated_BA.unsqueeze(1).unsqueeze(0))
        return (spread.energies_EBK < demonstrated_EB1).double().mean().item()


def _scaling(training: Dataset, *, own_range: bool) -> Scaling:
    low_A, high_A = (torch.full((training.actions_BA.shape[1],), end) for end in ACTION_RANGE)
    if own_range:
        low_A, high_A = data_range(torch.from_numpy(training.actions_BA), low_A, high_A)
    return fit_scaling(torch.from_numpy(training.observations_B), low_A, high_A)
