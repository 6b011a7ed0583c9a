"""Refinement of good samples to the best action: gradient descent on the energy without noise.

E ensemble members, B batch, K chains, W hidden width, A action dim. Actions are in model space, [-1, 1] per dimension.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from iifl_policy.energy import EnergyModel
from iifl_policy.langevin import Langevin
from iifl_policy.sampler import ActionSamples, equal_weights


@dataclass(frozen=True)
class Polish:
    """Gradient descent from the samples of lowest energy.

    Samples of exp(-E) lie around its modes; in many dimensions the best of them is still well above the lowest energy. The
    second Langevin chain of small steps of Florence et al. (2021, appendix B.3) is the same with noise.
    """

    chains: int = 8
    """Number of samples of lowest energy that are refined."""
    iterations: int = 30
    first_step: float = 0.01

    @torch.no_grad()
    def __call__(self, model: EnergyModel, features_EBW: Tensor, samples: ActionSamples) -> ActionSamples:
        """Return the best actions on the descents from the best samples, `chains` per member and state."""
        chains = min(self.chains, samples.energies_EBK.shape[-1])
        energies_EBK, order = samples.energies_EBK.topk(chains, largest=False)
        actions_EBKA = samples.actions_EBKA.gather(2, order.unsqueeze(-1).expand(-1, -1, -1, model.action_dim))
        best_EBKA, lowest_EBK = actions_EBKA, energies_EBK
        field = model.field(features_EBW)
        _, slopes_EBKA = field(actions_EBKA)
        schedule = Langevin(iterations=self.iterations, first_step=self.first_step)
        for step in schedule.steps():
            move = (step * slopes_EBKA).clamp_(-schedule.most_move, schedule.most_move)
            actions_EBKA = (actions_EBKA - move).clamp_(-1, 1)
            energies_EBK, slopes_EBKA = field(actions_EBKA)
            better = energies_EBK < lowest_EBK
            best_EBKA = torch.where(better.unsqueeze(-1), actions_EBKA, best_EBKA)
            lowest_EBK = torch.where(better, energies_EBK, lowest_EBK)
        return ActionSamples(best_EBKA, lowest_EBK, equal_weights(lowest_EBK))
