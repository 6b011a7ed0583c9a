"""Behaviour cloning of recorded demonstrations, measured on whole episodes that were held out.

B held-out pairs, K actions per pair, S state dim, A action dim.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import MofNCompleteColumn, Progress, TaskID
from scipy.spatial import cKDTree
from torch import Tensor

from fleet_experiments.recordings import Recording
from fleet_experiments.results import Results, Row, new_results, run_of
from iifl_policy.dataset import Dataset
from iifl_policy.descent import DescentConfig
from iifl_policy.energy import EnergyShape
from iifl_policy.explicit import ExplicitConfig, ExplicitShape, new_explicit
from iifl_policy.implicit import ImplicitConfig, new_implicit
from iifl_policy.langevin import REFERENCE, Langevin
from iifl_policy.loss import LossConfig
from iifl_policy.polish import Polish
from iifl_policy.randomness import torch_generator
from iifl_policy.sampler import Samples
from iifl_policy.scaling import Scaling, data_range, fit_scaling
from iifl_policy.uniform import Uniform

HELD_OUT = 0.2
"""Share of the episodes."""
MEASURED = 500
"""Held-out pairs that are measured, at most."""
CHAINS = 64
BEST_OF = 8
SPREAD = 256
"""Evenly spread actions whose energies are compared with the demonstrated one's."""
ACTION_RANGE = (-1.0, 1.0)


@dataclass(frozen=True)
class Recipe:
    """One way of training an implicit policy."""

    name: str
    sampler: Langevin
    """Decides."""
    loss: LossConfig
    descent: DescentConfig
    own_range: bool
    """Whether actions are scaled by the data's range rather than the robot's."""
    polish: Polish | None


OURS = Recipe(
    "IBC",
    Langevin(iterations=50),
    LossConfig(sampler=Langevin(iterations=20), gradient_margin=10.0),
    DescentConfig(batch_size=64, learning_rate=1e-3),
    own_range=True,
    polish=Polish(),
)
RECIPES = (
    OURS,
    replace(OURS, name="IBC in the robot's range", own_range=False),
    Recipe(
        "IBC as published",
        REFERENCE,
        LossConfig(sampler=REFERENCE, penalty="sum"),
        DescentConfig(batch_size=64),
        own_range=False,
        polish=None,
    ),
)
"""The last is that of the IIFL authors' code, but for the spectral norm."""


def offline(
    recording: Recording,
    folder: Path,
    *,
    env: str,
    seed: int,
    steps: Sequence[int],
    command: str,
    width: int = 256,
    depth: int = 6,
) -> Results:
    """Train every policy and baseline on the same episodes; write results into the folder.

    Errors are absolute differences to the demonstrated action, in its own units, means over held-out pairs. `best_of_8` is
    that of the closest of eight actions, mean over dimensions: of eight samples of the policy, or of the actions at the eight
    nearest observations; it does not punish another valid way of doing the task. Energy models have `depth` hidden layers
    of `width`.

    Raises:
        ValueError: there is but one episode.
    """
    training, rest = recording.split(HELD_OUT, seed)
    held_out = rest[np.sort(np.random.default_rng(seed).permutation(len(rest))[:MEASURED])]
    rows: list[Row] = [
        run_of(env, name, seed, "baseline") | _errors(actions_KBA, held_out)
        for name, actions_KBA in _baselines(training, held_out).items()
    ]
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn()) as progress:
        cloners: list[_Cloning] = [
            _Explicit(training, seed),
            *(_Implicit(recipe, training, seed, width, depth) for recipe in RECIPES),
        ]
        for cloner in cloners:
            bar = progress.add_task(cloner.name, total=max(steps))
            for until in sorted(steps):
                began, done = time.perf_counter(), cloner.policy.descent.steps

                def watch(step: int, _: Mapping[str, float], bar: TaskID = bar, done: int = done) -> None:
                    progress.update(bar, completed=done + step)

                fitted = cloner.policy.fit(training, steps=until - done, seed=seed, watch=watch)
                cloner.policy, training_s = fitted.policy, time.perf_counter() - began
                identity: Row = {"env": env, "algo": cloner.name, "seed": seed, "condition": f"{until} steps"}
                rows.append(identity | cloner.measured(held_out, seed) | {"training_s": training_s})
    results = new_results("offline", command, rows)
    results.write(folder)
    return results


def _errors(actions_KBA: NDArray[np.float64], held_out: Dataset, samples_KBA: NDArray[np.float64] | None = None) -> Row:
    """Of the first of the actions, and of the closest of all (or of the samples)."""
    errors_KBA = np.abs(actions_KBA - held_out.actions_BA)
    others_KBA = errors_KBA if samples_KBA is None else np.abs(samples_KBA - held_out.actions_BA)
    row: Row = {"error": float(errors_KBA[0].mean()), "best_of_8": float(others_KBA.mean(-1).min(0).mean())}
    return row | {f"error_{index}": float(error) for index, error in enumerate(errors_KBA[0].mean(0))}


def _baselines(training: Dataset, held_out: Dataset) -> dict[str, NDArray[np.float64]]:
    """Actions (K, B, A) of policies that do not learn."""
    mean_S, std_S = training.states_BS.mean(0), training.states_BS.std(0) + 1e-8
    tree = cKDTree((training.states_BS - mean_S) / std_S)
    _, nearest_BK = tree.query((held_out.states_BS - mean_S) / std_S, k=BEST_OF)
    mean_A = training.actions_BA.mean(0)
    return {
        "mean action": np.broadcast_to(mean_A, (1, *held_out.actions_BA.shape)),
        "nearest neighbours": training.actions_BA[nearest_BK].swapaxes(0, 1),
    }


class _Cloning(Protocol):
    """A policy in training."""

    name: str
    policy: Any

    def measured(self, held_out: Dataset, seed: int) -> Row:
        """Its errors by now."""


class _Explicit:
    """Behaviour cloning by least squares."""

    def __init__(self, training: Dataset, seed: int) -> None:
        self.name = "BC"
        shape = ExplicitShape(training.states_BS.shape[1], training.actions_BA.shape[1], members=1)
        config = ExplicitConfig(shape, descent=DescentConfig(batch_size=64, learning_rate=1e-3))
        self.policy = new_explicit(config, _scaling(training, own_range=False), torch_generator(seed))

    def measured(self, held_out: Dataset, seed: int) -> Row:
        actions_BA = self.policy.decide(held_out.states_BS.astype(np.float64), torch_generator(seed)).actions_NA
        return _errors(actions_BA[None], held_out)


class _Implicit:
    """Implicit behaviour cloning by one member."""

    def __init__(self, recipe: Recipe, training: Dataset, seed: int, width: int, depth: int) -> None:
        self.name = recipe.name
        self._recipe = recipe
        config = ImplicitConfig(
            EnergyShape(training.states_BS.shape[1], training.actions_BA.shape[1], 1, width, depth),
            sampler=recipe.sampler,
            chains=CHAINS,
            loss=recipe.loss,
            descent=recipe.descent,
        )
        self.policy = new_implicit(config, _scaling(training, own_range=recipe.own_range), torch_generator(seed))

    def measured(self, held_out: Dataset, seed: int) -> Row:
        policy, polish = self.policy, self._recipe.polish
        features_EBW = policy.features(held_out.states_BS)
        samples = policy.config.sampler.sample(policy.model, features_EBW, CHAINS, torch_generator(seed))
        some = Samples(
            *(part[:, :, :BEST_OF] for part in (samples.actions_EBKA, samples.energies_EBK, samples.weights_EBK))
        )
        if polish:
            samples, some = (polish(policy.model, features_EBW, found) for found in (samples, some))
        best_BA, eight_BKA = (
            policy.scaling.robot_actions(actions).double().numpy()
            for actions in (samples.best(0), some.actions_EBKA[0])
        )
        row = _errors(best_BA[None], held_out, eight_BKA.swapaxes(0, 1))
        return row | {"uniform_below": self._uniform_below(features_EBW, held_out, seed)}

    def _uniform_below(self, features_EBW: Tensor, held_out: Dataset, seed: int) -> float:
        """Share of evenly spread actions with less energy than the demonstrated one."""
        policy = self.policy
        spread = Uniform().sample(policy.model, features_EBW, SPREAD, torch_generator(seed))
        _, shown_BA = policy.scaling.pairs(held_out)
        shown_EB1 = policy.model(features_EBW, shown_BA.unsqueeze(1).unsqueeze(0))
        return (spread.energies_EBK < shown_EB1).double().mean().item()


def _scaling(training: Dataset, *, own_range: bool) -> Scaling:
    low_A, high_A = (torch.full((training.actions_BA.shape[1],), end) for end in ACTION_RANGE)
    if own_range:
        low_A, high_A = data_range(torch.from_numpy(training.actions_BA), low_A, high_A)
    return fit_scaling(torch.from_numpy(training.states_BS), low_A, high_A)
