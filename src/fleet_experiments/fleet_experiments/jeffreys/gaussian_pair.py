"""Defines the two energies of IIFL's figure 2.

E ensemble members (two), B batch, K chains, A action dim (one), W state dim (one).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from iifl_policy.energy import Field

MEAN = 0.5
"""Both coordinates of the second Gaussian's mean; the mean of the first one is at -MEAN."""
VARIANCE = 0.2**2


@dataclass(frozen=True)
class GaussianPair:
    """Negative isotropic Gaussian densities over (s, a), one per member, at opposite corners.

    States and actions have one dimension each; features are the states themselves.
    """

    offset: float = 0.0
    """Added to the first energy, nats."""
    action_dim: ClassVar[int] = 1

    def __call__(self, features_EBW: Tensor, actions_EBKA: Tensor) -> Tensor:
        """Return energies (E, B, K)."""
        return self.field(features_EBW)(actions_EBKA)[0]

    def field(self, features_EBW: Tensor) -> Field:
        """Return a function from actions to energies and gradients at these states."""
        means_E11 = features_EBW.new_tensor([-MEAN, MEAN]).view(2, 1, 1)
        offsets_E11 = features_EBW.new_tensor([self.offset, 0]).view(2, 1, 1)

        def energies_and_gradients(actions_EBKA: Tensor) -> tuple[Tensor, Tensor]:
            offsets_EBK = actions_EBKA.squeeze(-1) - means_E11
            squares_EBK = offsets_EBK.square() + (features_EBW - means_E11).square()
            densities_EBK = torch.exp(-squares_EBK / (2 * VARIANCE)) / (2 * math.pi * VARIANCE)
            return offsets_E11 - densities_EBK, (densities_EBK * offsets_EBK / VARIANCE).unsqueeze(-1)

        return energies_and_gradients
