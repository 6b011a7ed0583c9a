"""Defines pairs of energies with a formula: mixtures of Gaussians over one action, equal at every state.

E ensemble members (two), B batch, K chains, A action dim (one), W state dim (any).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from iifl_policy.energy import Field

Mode = tuple[float, float, float]
"""Weight, mean and standard deviation, in model space."""


@dataclass(frozen=True)
class MixturePair:
    """Negative log densities of two mixtures, one per member, up to a constant."""

    first: tuple[Mode, ...]
    second: tuple[Mode, ...]
    action_dim: ClassVar[int] = 1

    def __call__(self, features_EBW: Tensor, actions_EBKA: Tensor) -> Tensor:
        """Return energies (E, B, K)."""
        return self.field(features_EBW)(actions_EBKA)[0]

    def field(self, features_EBW: Tensor) -> Field:  # noqa: ARG002 - equal at every state
        """Return a function from actions to energies and gradients."""

        def energies_and_gradients(actions_EBKA: Tensor) -> tuple[Tensor, Tensor]:
            mixtures = [_mixture(modes, actions_EBKA[e]) for e, modes in enumerate((self.first, self.second))]
            energies, gradients = zip(*mixtures, strict=True)
            return torch.stack(energies), torch.stack(gradients)

        return energies_and_gradients


def _mixture(modes: tuple[Mode, ...], actions_BKA: Tensor) -> tuple[Tensor, Tensor]:
    parts, slopes = [], []
    for weight, mean, deviation in modes:
        standardized_BKA = (actions_BKA - mean) / deviation
        parts.append(math.log(weight / deviation) - 0.5 * standardized_BKA.square().squeeze(-1))
        slopes.append(standardized_BKA / deviation)
    shares = torch.softmax(torch.stack(parts), 0).unsqueeze(-1)
    return -torch.logsumexp(torch.stack(parts), 0), (shares * torch.stack(slopes)).sum(0)
