"""Derivative-free search for actions of low energy (Florence et al. 2021, appendix B.1).

E ensemble members, B batch, K chains, A action dim. Actions are in model space, [-1, 1] per dimension.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from typing_extensions import override

from iifl_policy.energy import EnergyModel
from iifl_policy.sampler import ActionSamples, Sampler, drawn, equal_weights, uniform_actions


@dataclass(frozen=True)
class DerivativeFree(Sampler):
    """A population that is repeatedly resampled by exp(-E) and perturbed with decreasing noise.

    It concentrates where the energy is low, and is narrower than exp(-E): every generation multiplies the density by exp(-E)
    once more. Intended for finding the best action in few dimensions.
    """

    kind: Literal["derivative_free"] = "derivative_free"
    iterations: int = 3
    first_noise: float = 0.33
    """Standard deviation of the first perturbation, as a share of half the range."""
    shrink: float = 0.5
    """Factor on the noise from one iteration to the next."""

    @override
    @torch.no_grad()
    def sample(
        self, model: EnergyModel, features_EBW: Tensor, chains: int, generator: torch.Generator
    ) -> ActionSamples:
        actions = uniform_actions(model, features_EBW, chains, generator)
        energies = model(features_EBW, actions)
        for iteration in range(self.iterations):
            parents = drawn(torch.softmax(-energies, -1), generator)
            actions = actions.gather(2, parents.unsqueeze(-1).expand_as(actions))
            noise = torch.empty_like(actions).normal_(0, self.first_noise * self.shrink**iteration, generator=generator)
            actions = (actions + noise).clamp_(-1, 1)
            energies = model(features_EBW, actions)
        return ActionSamples(actions, energies, equal_weights(energies))
