"""A cascade that decides in real time: little computation per robot, more for those with a borderline uncertainty.

N robots, R some of them, E ensemble members, K chains, W hidden width, A action dim. Actions are in model space.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from fleet_learning.policy import Decider, Decision
from fleet_learning.randomness import branch, on_device
from iifl_policy.langevin import Langevin
from iifl_policy.sampler import ActionSamples, drawn, equal_weights, uniform_actions
from iifl_policy.uniform import FILLED_DIMS, Uniform

if TYPE_CHECKING:
    from iifl_policy.implicit import ImplicitPolicy

CASCADE = "cascade"
"""Name of this kind of decider."""
FILLING_ACTIONS = 2048
"""Number of uniform actions that fill the range of up to `FILLED_DIMS` dimensions."""
SCREENING_SHARE = 3 / 8
"""Share of a policy's chains with which robots are screened, that of the defaults of `CascadeConfig` with the paper's 512 chains."""
Rows = NDArray[np.int64]
"""Indices of robots, (R,)."""


@dataclass(frozen=True)
class CascadeConfig:
    """How computation is distributed over the robots; the defaults decide for 100 Ant robots within a second on two cores with bfloat16."""

    watched: int = 10
    """Number of most uncertain robots that must be separated from the others: as many as there are humans."""
    threshold: float = -math.inf
    """Uncertainty below which no robot asks for help, in the policy's unit."""
    screening_chains: int = 192
    """Chains per member of a screened robot; a borderline robot has as many as the policy."""
    moves: Langevin = Langevin(iterations=6, first_step=0.06, last_step=0.01)
    """Langevin iterations that move resampled chains."""
    resample_below: float = 0.8
    """Effective share of the chains below which they are resampled by their weights and moved."""
    reinitialise_below: float = 0.25
    """Effective share below which a robot's chains are reinitialised: its observation jumped, or is the first."""
    initial_actions: int = 0
    """Uniform random actions from which reinitialised chains are drawn by exp(-E), enough to fill the range. 0, for ranges of too
    many dimensions: the policy's sampler draws the chains."""
    borderline_errors: float = 3.0
    """Standard errors around the border between robots that are helped and those that are not, within which one is borderline."""
    max_borderline: int = 20
    """Largest number of borderline robots at a time: those nearest the border."""
    max_full: int = 1
    """Largest number of robots that get the policy's own decision in one tick, and are borderline from then on."""


def cascade_config(policy: ImplicitPolicy, humans: int, threshold: float) -> CascadeConfig:
    """Return the config of a fleet's cascade: as many robots as humans are watched, screened with 192 of 512 chains."""
    filled = policy.model.action_dim <= FILLED_DIMS
    return CascadeConfig(
        watched=humans,
        threshold=threshold,
        screening_chains=max(2, round(SCREENING_SHARE * policy.config.chains)),
        initial_actions=FILLING_ACTIONS if filled else 0,
    )


class Cascade(Decider):
    """A `Decider` that reuses the actions of the last tick, since observations change little from tick to tick.

    Screened robots continue a few chains, reweighted by exp(E_then - E_now) for the change of the observation; where the
    effective number of chains is small, they are resampled by these weights and moved by a few Langevin iterations (sequential
    Monte Carlo, Del Moral, Doucet and Jasra 2006). Borderline robots, near the border between robots that are helped and those
    that are not, do the same with all chains. A screened robot that comes near the border gets the policy's own decision once,
    and the chains of that decision. The chains of a robot that is not decided for are kept until it returns.
    """

    def __init__(self, policy: ImplicitPolicy, config: CascadeConfig = CascadeConfig()) -> None:
        self.policy = policy
        self._config = config
        self._robots: Rows = np.arange(0)
        """Robots that have chains, in the order of the chains' rows."""
        self._chains: ActionSamples | None = None
        self._borderline: Rows = np.arange(0)
        """Robots that were borderline when they were last decided for."""

    @override
    @torch.no_grad()
    def decide(
        self, observations_N: NDArray[np.generic], robots: Sequence[int], generator: torch.Generator
    ) -> Decision:
        policy, config = self.policy, self._config
        features_ENW, robots_N = policy.features(observations_N), np.asarray(robots)
        branched = on_device(branch(generator), policy.device)
        saved_N = self._rows(robots_N, features_ENW, branched)
        saved = _part(self._all, saved_N, policy.config.chains)
        present = np.isin(self._borderline, robots_N)
        borderline = _positions(robots_N, self._borderline[present])
        screened = np.setdiff1d(np.arange(len(robots_N)), borderline)

        decision = _undecided(len(robots_N), policy.model.action_dim)
        for rows, chains in ((screened, config.screening_chains), (borderline, policy.config.chains)):
            if len(rows):
                samples = self._reweighted(features_ENW[:, rows], _part(saved, rows, chains), branched)
                _save(saved, rows, samples)
                decision = _replaced(decision, rows, policy.decision(features_ENW[:, rows], samples))

        distances_N = self._from_border(decision)
        borderline_N = distances_N <= config.borderline_errors * np.maximum(
            decision.standard_errors_N, np.finfo(np.float64).tiny
        )
        nearest = np.sort(_sorted_by(distances_N, screened[borderline_N[screened]])[: config.max_full])
        if len(nearest):
            samples = policy.samples(features_ENW[:, nearest], generator)
            _save(saved, nearest, samples)
            decision = _replaced(decision, nearest, policy.decision(features_ENW[:, nearest], samples))
        _save(self._all, saved_N, saved)
        borderline = _sorted_by(self._from_border(decision), np.append(borderline, nearest))[: config.max_borderline]
        self._borderline = np.append(robots_N[borderline], self._borderline[~present])
        return decision

    @property
    def _all(self) -> ActionSamples:
        """Chains of all robots, by row."""
        if self._chains is None:
            raise RuntimeError("expected chains, got none")
        return self._chains

    def _rows(self, robots_N: Rows, features_ENW: Tensor, generator: torch.Generator) -> Rows:
        """Return the rows of the robots' chains, (N,); a robot without chains gets new ones."""
        new = np.flatnonzero(~np.isin(robots_N, self._robots))
        if len(new):
            chains = self._uniform(features_ENW[:, new], generator)
            self._chains = chains if self._chains is None else _joined(self._chains, chains)
            self._robots = np.append(self._robots, robots_N[new])
        return _positions(self._robots, robots_N)

    def _uniform(self, features_ENW: Tensor, generator: torch.Generator) -> ActionSamples:
        """Return samples of the uniform distribution, whose energy is zero."""
        actions_ENKA = uniform_actions(self.policy.model, features_ENW, self.policy.config.chains, generator)
        energies_ENK = torch.zeros_like(actions_ENKA[..., 0])
        return ActionSamples(actions_ENKA, energies_ENK, equal_weights(energies_ENK))

    def _reweighted(self, features_ERW: Tensor, saved: ActionSamples, generator: torch.Generator) -> ActionSamples:
        """Return the chains of another observation, weighted, resampled or reinitialised to follow exp(-E) at this one."""
        model, config, chains = self.policy.model, self._config, saved.energies_EBK.shape[-1]
        energies_ERK = model(features_ERW, saved.actions_EBKA)
        weights_ERK = torch.softmax(saved.weights_EBK.log() + saved.energies_EBK - energies_ERK, -1)
        samples = ActionSamples(saved.actions_EBKA, energies_ERK, weights_ERK)
        effective_R = (1 / weights_ERK.square().sum(-1)).amin(0).cpu().numpy()
        reinitialised_R = effective_R < config.reinitialise_below * chains
        if len(reinitialised := np.flatnonzero(reinitialised_R)):
            _save(samples, reinitialised, self._reinitialised(features_ERW[:, reinitialised], chains, generator))
        if len(resampled := np.flatnonzero(~reinitialised_R & (effective_R < config.resample_below * chains))):
            parents_ERK1 = drawn(weights_ERK[:, resampled], generator).unsqueeze(-1)
            start_ERKA = samples.actions_EBKA[:, resampled].take_along_dim(parents_ERK1, 2)
            _save(
                samples,
                resampled,
                config.moves.sample(model, features_ERW[:, resampled], chains, generator, start_EBKA=start_ERKA),
            )
        return samples

    def _reinitialised(self, features_ERW: Tensor, chains: int, generator: torch.Generator) -> ActionSamples:
        """Return chains that do not depend on those of the last tick."""
        model, candidates = self.policy.model, self._config.initial_actions
        if not candidates:
            return self.policy.config.sampler.sample(model, features_ERW, chains, generator)
        uniform = Uniform().sample(model, features_ERW, candidates, generator)
        picks_ERK = drawn(uniform.weights_EBK, generator)[..., :chains]
        energies_ERK = uniform.energies_EBK.take_along_dim(picks_ERK, 2)
        actions_ERKA = uniform.actions_EBKA.take_along_dim(picks_ERK.unsqueeze(-1), 2)
        return ActionSamples(actions_ERKA, energies_ERK, equal_weights(energies_ERK))

    def _from_border(self, decision: Decision) -> NDArray[np.float64]:
        """Return the distances of the uncertainties from the border between robots that are helped and those that are not, (N,)."""
        ranked_N, watched = np.sort(decision.uncertainties_N)[::-1], self._config.watched
        between = ranked_N[watched - 1 : watched + 1].mean() if len(ranked_N) > watched else -math.inf
        return np.abs(decision.uncertainties_N - max(between, self._config.threshold))


def _sorted_by(values_N: NDArray[np.float64], rows: Rows) -> Rows:
    """Return robots in ascending order of their values."""
    return rows[np.argsort(values_N[rows], kind="stable")]


def _positions(robots: Rows, some: Rows) -> Rows:
    """Return where some robots are in an array of different robots."""
    order = np.argsort(robots)
    return order[np.searchsorted(robots, some, sorter=order)]


def _joined(one: ActionSamples, other: ActionSamples) -> ActionSamples:
    """Return the chains of two groups of robots, one after the other."""
    return ActionSamples(
        torch.cat((one.actions_EBKA, other.actions_EBKA), 1),
        torch.cat((one.energies_EBK, other.energies_EBK), 1),
        torch.cat((one.weights_EBK, other.weights_EBK), 1),
    )


def _part(samples: ActionSamples, rows: Rows, chains: int) -> ActionSamples:
    """Return the first chains of some robots."""
    parts = (samples.actions_EBKA, samples.energies_EBK, samples.weights_EBK)
    return ActionSamples(*(part[:, rows, :chains] for part in parts))


def _save(saved: ActionSamples, rows: Rows, samples: ActionSamples) -> None:
    """Overwrite the first chains of some robots."""
    chains = samples.energies_EBK.shape[-1]
    saved.actions_EBKA[:, rows, :chains] = samples.actions_EBKA
    saved.energies_EBK[:, rows, :chains] = samples.energies_EBK
    saved.weights_EBK[:, rows, :chains] = samples.weights_EBK


def _undecided(robots: int, action_dim: int) -> Decision:
    return Decision(np.zeros((robots, action_dim)), np.zeros(robots), np.zeros(robots), {"energy": np.zeros(robots)})


def _replaced(decision: Decision, rows: Rows, by: Decision) -> Decision:
    """Return the decision with that of these robots replaced."""

    def replaced(old: NDArray[np.float64], new: NDArray[np.float64]) -> NDArray[np.float64]:
        old = old.copy()
        old[rows] = new
        return old

    return Decision(
        actions_NA=replaced(decision.actions_NA, by.actions_NA),
        uncertainties_N=replaced(decision.uncertainties_N, by.uncertainties_N),
        standard_errors_N=replaced(decision.standard_errors_N, by.standard_errors_N),
        diagnostics={name: replaced(old, by.diagnostics[name]) for name, old in decision.diagnostics.items()},
    )
