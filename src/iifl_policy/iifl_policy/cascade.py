"""A cascade that decides in real time: little for every robot, more for those whose uncertainty is in doubt.

N robots, R some of them, E ensemble members, K chains, W hidden width, A action dim. Actions are in model space.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fleet_contract.robot import Stream
from fleet_learning.policy import Decision
from fleet_learning.randomness import branch, on_device
from iifl_policy.implicit import ImplicitPolicy
from iifl_policy.langevin import Langevin
from iifl_policy.sampler import ActionSamples, drawn, equal_weights, uniform_actions
from iifl_policy.uniform import Uniform

Rows = NDArray[np.int64]
"""Indices of robots, (R,)."""


@dataclass(frozen=True)
class CascadeConfig:
    """Who gets how much; the defaults decide for 100 robots of Ant's size within a second on two cores with bfloat16."""

    watched: int = 10
    """Robots of highest uncertainty that it matters to tell from the others: as many as there are humans."""
    threshold: float = -math.inf
    """Uncertainty below which nobody asks for help, in the policy's unit."""
    screening_chains: int = 192
    """Chains per member of a robot that is not in doubt; of one in doubt there are as many as the policy has."""
    moves: Langevin = Langevin(iterations=6, first_step=0.06, last_step=0.01)
    """How chains are moved."""
    resample_below: float = 0.8
    """Effective share of the chains below which they are drawn anew by their weights, and moved."""
    reinitialise_below: float = 0.25
    """Effective share below which a robot starts anew: its observation jumped, or is the first."""
    initial_actions: int = 0
    """Evenly spread actions from which a robot that starts anew draws its chains by exp(-E), enough to fill the range; none
    where that has too many dimensions: then it starts as the policy does."""
    borderline_errors: float = 3.0
    """Standard errors around the border between who is helped and who is not, within which a robot is in doubt."""
    max_borderline: int = 20
    """Robots in doubt at a time, those nearest the border."""
    max_full: int = 1
    """Robots that get the policy's own decision in one tick, and are in doubt from then on."""


class Cascade:
    """A `Decider` that remembers the actions it drew: from tick to tick observations move but little.

    Screen: a few chains of every robot go on from where they were, weighted by exp(E_then - E_now) for the change of the
    observation; where few of them would count, they are drawn anew by these weights and moved by a few Langevin iterations
    (sequential Monte Carlo, Del Moral, Doucet and Jasra 2006). Doubt: robots near the border between who is helped and who is
    not do the same with all chains. Full: a robot that comes near the border gets the policy's own decision, and its chains.
    """

    def __init__(self, policy: ImplicitPolicy, config: CascadeConfig = CascadeConfig()) -> None:
        self._policy = policy
        self._config = config
        self._borderline: Rows = np.arange(0)
        self._kept: ActionSamples | None = None

    @property
    def observes(self) -> Stream:
        """What it decides from."""
        return self._policy.observes

    @torch.no_grad()
    def decide(self, observations_N: NDArray[np.generic], generator: torch.Generator) -> Decision:
        """Decide for N robots; the same observations and generators from the first tick on give the same decisions."""
        policy, config = self._policy, self._config
        features_ENW = policy.features(observations_N)
        chance = on_device(branch(generator), policy.device)
        if self._kept is None or self._kept.energies_EBK.shape[1] != len(observations_N):
            self._kept, self._borderline = self._spread(features_ENW, chance), np.arange(0)
        kept, borderline = self._kept, self._borderline
        screened = np.setdiff1d(np.arange(len(observations_N)), borderline)

        decision = _undecided(len(observations_N), policy.model.action_dim)
        for rows, chains in ((screened, config.screening_chains), (borderline, policy.config.chains)):
            if len(rows):
                samples = self._carried(features_ENW[:, rows], _part(kept, rows, chains), chance)
                _keep(kept, rows, samples)
                decision = _replaced(decision, rows, policy.decision(features_ENW[:, rows], samples))

        distances_N = self._from_border(decision)
        borderline_N = distances_N <= config.borderline_errors * np.maximum(
            decision.standard_errors_N, np.finfo(np.float64).tiny
        )
        nearest = np.sort(_by(distances_N, screened[borderline_N[screened]])[: config.max_full])
        if len(nearest):
            samples = policy.samples(features_ENW[:, nearest], generator)
            _keep(kept, nearest, samples)
            decision = _replaced(decision, nearest, policy.decision(features_ENW[:, nearest], samples))
        self._borderline = _by(self._from_border(decision), np.append(borderline, nearest))[: config.max_borderline]
        return decision

    def _spread(self, features_ENW: Tensor, chance: torch.Generator) -> ActionSamples:
        """Actions of a uniform distribution, whose energy is zero."""
        actions_ENKA = uniform_actions(self._policy.model, features_ENW, self._policy.config.chains, chance)
        energies_ENK = torch.zeros_like(actions_ENKA[..., 0])
        return ActionSamples(actions_ENKA, energies_ENK, equal_weights(energies_ENK))

    def _carried(self, features_ERW: Tensor, kept: ActionSamples, chance: torch.Generator) -> ActionSamples:
        """Chains of another observation, with weights that make them stand for exp(-E) at this one."""
        model, config, chains = self._policy.model, self._config, kept.energies_EBK.shape[-1]
        energies_ERK = model(features_ERW, kept.actions_EBKA)
        weights_ERK = torch.softmax(kept.weights_EBK.log() + kept.energies_EBK - energies_ERK, -1)
        carried = ActionSamples(kept.actions_EBKA, energies_ERK, weights_ERK)
        effective_R = (1 / weights_ERK.square().sum(-1)).amin(0).cpu().numpy()
        reinitialised_R = effective_R < config.reinitialise_below * chains
        if len(reinitialised := np.flatnonzero(reinitialised_R)):
            _keep(carried, reinitialised, self._reinitialised(features_ERW[:, reinitialised], chains, chance))
        if len(resampled := np.flatnonzero(~reinitialised_R & (effective_R < config.resample_below * chains))):
            parents_ERK1 = drawn(weights_ERK[:, resampled], chance).unsqueeze(-1)
            start_ERKA = carried.actions_EBKA[:, resampled].take_along_dim(parents_ERK1, 2)
            _keep(
                carried,
                resampled,
                config.moves.sample(model, features_ERW[:, resampled], chains, chance, start_EBKA=start_ERKA),
            )
        return carried

    def _reinitialised(self, features_ERW: Tensor, chains: int, chance: torch.Generator) -> ActionSamples:
        """Chains that know nothing of earlier ones."""
        model, spread = self._policy.model, self._config.initial_actions
        if not spread:
            return self._policy.config.sampler.sample(model, features_ERW, chains, chance)
        evenly = Uniform().sample(model, features_ERW, spread, chance)
        picks_ERK = drawn(evenly.weights_EBK, chance)[..., :chains]
        energies_ERK = evenly.energies_EBK.take_along_dim(picks_ERK, 2)
        actions_ERKA = evenly.actions_EBKA.take_along_dim(picks_ERK.unsqueeze(-1), 2)
        return ActionSamples(actions_ERKA, energies_ERK, equal_weights(energies_ERK))

    def _from_border(self, decision: Decision) -> NDArray[np.float64]:
        """How far uncertainties are from where it changes who is helped, (N,)."""
        ranked_N, watched = np.sort(decision.uncertainties_N)[::-1], self._config.watched
        between = ranked_N[watched - 1 : watched + 1].mean() if len(ranked_N) > watched else -math.inf
        return np.abs(decision.uncertainties_N - max(between, self._config.threshold))


def _by(values_N: NDArray[np.float64], rows: Rows) -> Rows:
    """Robots in the order of their values."""
    return rows[np.argsort(values_N[rows], kind="stable")]


def _part(samples: ActionSamples, rows: Rows, chains: int) -> ActionSamples:
    """The first chains of some states."""
    parts = (samples.actions_EBKA, samples.energies_EBK, samples.weights_EBK)
    return ActionSamples(*(part[:, rows, :chains] for part in parts))


def _keep(kept: ActionSamples, rows: Rows, samples: ActionSamples) -> None:
    """Remember these as the first chains of some states."""
    chains = samples.energies_EBK.shape[-1]
    kept.actions_EBKA[:, rows, :chains] = samples.actions_EBKA
    kept.energies_EBK[:, rows, :chains] = samples.energies_EBK
    kept.weights_EBK[:, rows, :chains] = samples.weights_EBK


def _undecided(robots: int, action_dim: int) -> Decision:
    return Decision(np.zeros((robots, action_dim)), np.zeros(robots), np.zeros(robots), {"energy": np.zeros(robots)})


def _replaced(decision: Decision, rows: Rows, by: Decision) -> Decision:
    """The decision with another one for these robots."""

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
