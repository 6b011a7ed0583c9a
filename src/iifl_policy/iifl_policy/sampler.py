"""The Sampler protocol: draws actions from an energy model, for all members and states at once.

E ensemble members, B batch, K chains, A action dim. Actions are in model space, [-1, 1] per dimension.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from iifl_policy.energy import EnergyModel


@dataclass(frozen=True)
class ActionSamples:
    """Weighted actions and their energies."""

    actions_EBKA: Tensor
    """Each member's own actions."""
    energies_EBK: Tensor
    """Each member's energies of its own actions."""
    weights_EBK: Tensor
    """Weight of each action in an expectation under exp(-E); weights sum to one over K."""

    def member(self, index: int) -> ActionSamples:
        """Return the samples of one member."""
        parts = (self.actions_EBKA, self.energies_EBK, self.weights_EBK)
        return ActionSamples(*(part[index : index + 1] for part in parts))

    def best(self, member: int) -> Tensor:
        """Return the action of lowest energy per state, (B, A): the implicit policy's (Florence et al. 2021, equation 1)."""
        best_B = self.energies_EBK[member].argmin(-1)
        return self.actions_EBKA[member, torch.arange(len(best_B), device=best_B.device), best_B]


class Sampler(Protocol):
    """Draws actions."""

    def sample(
        self, model: EnergyModel, features_EBW: Tensor, chains: int, generator: torch.Generator
    ) -> ActionSamples:
        """Draw actions.

        Args:
            model: energies of E members.
            features_EBW: the states' part of the energies.
            chains: K, number of actions per member and state.
            generator: source of all random numbers.
        """


def uniform_actions(model: EnergyModel, features_EBW: Tensor, chains: int, generator: torch.Generator) -> Tensor:
    """Return uniform random actions within the range, (E, B, K, A)."""
    shape = (*features_EBW.shape[:2], chains, model.action_dim)
    return torch.rand(shape, generator=generator, device=features_EBW.device, dtype=features_EBW.dtype) * 2 - 1


def equal_weights(energies_EBK: Tensor) -> Tensor:
    """Return the weights of samples that follow exp(-E)."""
    return torch.full_like(energies_EBK, 1 / energies_EBK.shape[-1])


def drawn(shares_EBK: Tensor, generator: torch.Generator) -> Tensor:
    """Return indices (E, B, K), drawn with replacement in proportion to their shares."""
    members, batch, chains = shares_EBK.shape
    indices = torch.multinomial(shares_EBK.flatten(0, 1), chains, replacement=True, generator=generator)
    return indices.view(members, batch, chains)
