"""Annealed importance sampling of actions, and partition functions (Neal 2001; IIFL section 7.3.4).

E ensemble members, B batch, K chains, A action dim, W hidden width. Actions are in model space, [-1, 1] per dimension.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from typing_extensions import override

from iifl_policy.energy import EnergyModel, Field
from iifl_policy.langevin import Langevin
from iifl_policy.sampler import ActionSamples, Sampler, uniform_actions


@dataclass(frozen=True)
class Tempered(EnergyModel):
    """The energy beta E: exp(-beta E) is uniform at beta 0 and exp(-E) at beta 1."""

    model: EnergyModel
    beta: float
    """Inverse temperature."""

    @property
    @override
    def action_dim(self) -> int:
        return self.model.action_dim

    def __call__(self, features_EBW: Tensor, actions_EBKA: Tensor) -> Tensor:
        """Return energies (E, B, K)."""
        return self.beta * self.model(features_EBW, actions_EBKA)

    @override
    def field(self, features_EBW: Tensor) -> Field:
        field = self.model.field(features_EBW)

        def tempered(actions_EBKA: Tensor) -> tuple[Tensor, Tensor]:
            energies_EBK, gradients_EBKA = field(actions_EBKA)
            return self.beta * energies_EBK, self.beta * gradients_EBKA

        return tempered


@dataclass(frozen=True)
class Partition:
    """Estimates of log Z(s), with Z(s) the integral of exp(-E(s, a)) over the action range (equation 4)."""

    logs_EB: Tensor
    """Logarithms of the estimates, nats, with actions in model space."""
    standard_errors_EB: Tensor
    """Standard errors by the delta method. They see only the sampled weights: do not trust them where the effective size is small."""
    effective_sizes_EB: Tensor
    """Number of equally weighted chains of the same accuracy, 1 to K (Kong, Liu and Wong 1994)."""


@dataclass(frozen=True)
class AnnealedImportance(Sampler):
    """Chains that cool down from the uniform distribution to exp(-E), with weights that correct for cooling too fast.

    At inverse temperature beta each chain makes a few Metropolis-adjusted Langevin moves, which leave exp(-beta E) unchanged;
    before that, its weight is multiplied by exp(-E) to the power of the last change of beta. Weighted, the chains follow
    exp(-E) whether or not they converged, so that far modes get their masses; the mean weight estimates Z.

    This is several times slower than Langevin sampling and serves to check it. Both directions of KL divergence add up to
    D_J = E_1[E_2 - E_1] - log Z_1 + log Z_2 + E_2[E_1 - E_2] - log Z_2 + log Z_1, where the log Z cancel, whatever their
    estimates: the divergence by explicit partition functions is algebraically `jeffreys` of these samples.
    """

    temperatures: int = 100
    power: float = 3.0
    """Exponent of the inverse temperatures (i / temperatures)^power: dense near zero, where the distribution changes fastest."""
    moves: int = 5
    """Langevin iterations at each temperature, whose step sizes decay like those of a whole Langevin run."""
    first_step: float = 0.1
    last_step: float = 1e-3

    def betas(self) -> list[float]:
        """Return the inverse temperatures in order; the last one is 1."""
        return [((i + 1) / self.temperatures) ** self.power for i in range(self.temperatures)]

    @override
    def sample(
        self, model: EnergyModel, features_EBW: Tensor, chains: int, generator: torch.Generator
    ) -> ActionSamples:
        return self.anneal(model, features_EBW, chains, generator)[0]

    def log_partition(
        self, model: EnergyModel, features_EBW: Tensor, chains: int, generator: torch.Generator
    ) -> Partition:
        """Estimate log Z per member and state."""
        return self.anneal(model, features_EBW, chains, generator)[1]

    @torch.no_grad()
    def anneal(
        self, model: EnergyModel, features_EBW: Tensor, chains: int, generator: torch.Generator
    ) -> tuple[ActionSamples, Partition]:
        """Draw weighted actions and estimate log Z from one run."""
        moves = Langevin(iterations=self.moves, first_step=self.first_step, last_step=self.last_step)
        actions = uniform_actions(model, features_EBW, chains, generator)
        energies = model(features_EBW, actions)
        log_weights = torch.zeros_like(energies)
        for hotter, beta in pairwise([0.0, *self.betas()]):
            log_weights -= (beta - hotter) * energies
            moved = moves.sample(Tempered(model, beta), features_EBW, chains, generator, start_EBKA=actions)
            actions, energies = moved.actions_EBKA, moved.energies_EBK / beta
        weights = torch.softmax(log_weights, -1)
        concentration = weights.square().sum(-1)
        volume = model.action_dim * math.log(2)
        partition = Partition(
            logs_EB=torch.logsumexp(log_weights, -1) - math.log(chains) + volume,
            standard_errors_EB=((chains * concentration - 1).clamp(min=0) / (chains - 1)).sqrt(),
            effective_sizes_EB=1 / concentration,
        )
        return ActionSamples(actions, energies, weights), partition
