"""Langevin sampling of actions (IIFL section 7.2, Table 3; Florence et al. 2021, appendix B.3).

E ensemble members, B batch, K chains, A action dim. Actions are in model space, [-1, 1] per dimension.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from typing_extensions import override

from iifl_policy.energy import EnergyModel
from iifl_policy.sampler import ActionSamples, Sampler, equal_weights, uniform_actions


@dataclass(frozen=True)
class Langevin(Sampler):
    """Chains that start uniformly and move by gradient and noise with decreasing steps.

    The defaults are the preset `corrected`: iterations, steps and decay of Table 3, and samples that follow exp(-E)
    restricted to the range (equation 4, temperature 1). Each iteration proposes a' = a - clip(h dE/da) + sqrt(2 h) n with
    standard normal n, and accepts it by the Metropolis-Hastings rule, which leaves exp(-E) unchanged whatever the step
    sizes (truncated-drift MALA, Roberts and Tweedie 1996).
    """

    kind: Literal["langevin"] = "langevin"
    iterations: int = 100
    first_step: float = 0.1
    last_step: float = 1e-5
    decay_power: float = 2.0
    """Exponent of the polynomial decay of the step size from first to last."""
    decay: Literal["convex", "concave"] = "convex"
    """Share of the decay that remains after i of n iterations: convex, (1 - i/n)^power (Florence et al.); concave,
    1 - (i/n)^power."""
    adjusted: bool = True
    """Whether proposals are accepted or rejected by the Metropolis-Hastings rule; otherwise, all are accepted."""
    noise: float = 1.0
    """Standard deviation of n."""
    most_move: float = 0.1
    """Largest move per iteration and dimension, as a share of half the range: of the gradient alone if proposals are
    adjusted, of gradient and noise together if not."""

    def steps(self) -> list[float]:
        """Return the step size h of every iteration."""
        last = max(1, self.iterations - 1)
        done = [i / last for i in range(self.iterations)]
        remaining = [(1 - d) ** self.decay_power if self.decay == "convex" else 1 - d**self.decay_power for d in done]
        return [self.last_step + (self.first_step - self.last_step) * share for share in remaining]

    @override
    @torch.no_grad()
    def sample(
        self,
        model: EnergyModel,
        features_EBW: Tensor,
        chains: int,
        generator: torch.Generator,
        start_EBKA: Tensor | None = None,
    ) -> ActionSamples:
        """Draw actions; the chains start at `start_EBKA`, or uniformly over the range."""
        actions = uniform_actions(model, features_EBW, chains, generator) if start_EBKA is None else start_EBKA.clone()
        field = model.field(features_EBW)
        if not self.adjusted:
            for step in self.steps():
                _, gradients = field(actions)
                move = (self._noise(actions, step, generator) - step * gradients).clamp_(
                    -self.most_move, self.most_move
                )
                actions = actions.add_(move).clamp_(-1, 1)
            energies = model(features_EBW, actions)
            return ActionSamples(actions, energies, equal_weights(energies))
        energies, gradients = field(actions)
        for step in self.steps():
            noise = self._noise(actions, step, generator)
            proposals = actions - self._drift(step, gradients) + noise
            new_energies, new_gradients = field(proposals)
            forth = noise.square().sum(-1)
            back = (actions - proposals + self._drift(step, new_gradients)).square().sum(-1)
            log_ratio = energies - new_energies + (forth - back) / (4 * step * self.noise**2)
            luck = torch.empty_like(energies).uniform_(generator=generator).log_()
            accepted = (luck < log_ratio) & (proposals.abs().amax(-1) <= 1)
            actions = torch.where(accepted.unsqueeze(-1), proposals, actions)
            gradients = torch.where(accepted.unsqueeze(-1), new_gradients, gradients)
            energies = torch.where(accepted, new_energies, energies)
        return ActionSamples(actions, energies, equal_weights(energies))

    def _noise(self, actions: Tensor, step: float, generator: torch.Generator) -> Tensor:
        return torch.empty_like(actions).normal_(0, self.noise * math.sqrt(2 * step), generator=generator)

    def _drift(self, step: float, gradients: Tensor) -> Tensor:
        return (step * gradients).clamp_(-self.most_move, self.most_move)


CORRECTED = Langevin()
"""Preset that samples exp(-E)."""
REFERENCE = Langevin(iterations=50, decay="concave", adjusted=False, noise=0.33)
"""The IIFL authors' published sampler (BerkeleyAutomation/IIFL, `LangevinOptimizer`): noise scaled by 0.33 and no
acceptance rule, so that for small steps it approximately samples exp(-E / 0.33^2) = exp(-E / 0.109); half of the early moves
are clipped to 0.1, and actions that leave the range are clipped to it."""
