"""Two energies with a formula: mixtures of Gaussians over one action, the same at every state.

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
    """An EnergyModel: minus the logarithm of a mixture's density per member, up to a constant."""

    first: tuple[Mode, ...]
    second: tuple[Mode, ...]
    action_dim: ClassVar[int] = 1

    def __call__(self, features_EBW: Tensor, actions_EBKA: Tensor) -> Tensor:
        """Energies (E, B, K)."""
        return self.field(features_EBW)(actions_EBKA)[0]

    def field(self, features_EBW: Tensor) -> Field:  # noqa: ARG002 - the same at every state
        """Energies and gradients."""

        def energies_and_gradients(actions_EBKA: Tensor) -> tuple[Tensor, Tensor]:
            found = [_mixture(modes, actions_EBKA[e]) for e, modes in enumerate((self.first, self.second))]
            energies, gradients = zip(*found, strict=True)
            return torch.stack(energies), torch.stack(gradients)

        return energies_and_gradients


def _mixture(modes: tuple[Mode, ...], actions_BKA: Tensor) -> tuple[Tensor, Tensor]:
    parts, slopes = [], []
    for weight, mean, deviation in modes:
        away_BKA = (actions_BKA - mean) / deviation
        parts.append(math.log(weight / deviation) - 0.5 * away_BKA.square().squeeze(-1))
        slopes.append(away_BKA / deviation)
    shares = torch.softmax(torch.stack(parts), 0).unsqueeze(-1)
    return -torch.logsumexp(torch.stack(parts), 0), (shares * torch.stack(slopes)).sum(0)
