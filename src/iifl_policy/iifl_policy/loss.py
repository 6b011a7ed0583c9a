"""Training loss of implicit policies: InfoNCE with Langevin counter-examples, and a gradient penalty.

E ensemble members, B batch, K actions per state, A action dim.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from iifl_policy.energy import EnergyEnsemble
from iifl_policy.langevin import Langevin


@dataclass(frozen=True)
class LossConfig:
    """Counter-examples and penalty (IIFL section 7.2; Florence et al. 2021, appendix B.3)."""

    counter_examples: int = 8
    sampler: Langevin = Langevin()
    """Makes the counter-examples."""
    gradient_margin: float = 1.0
    """Slope of the energy, per half action range, from which it is punished."""
    gradient_weight: float = 1.0
    penalty: Literal["mean", "sum"] = "mean"
    """Over demonstrated actions and counter-examples: Florence et al. average; the IIFL authors' code adds up, over the
    counter-examples alone."""


def info_nce(energies_EBK: Tensor) -> Tensor:
    """Equation 5 per member, (E,): mean over the batch, the demonstrated action at index 0 of K, nats."""
    return (torch.logsumexp(-energies_EBK, -1) + energies_EBK[..., 0]).mean(-1)


def ensemble_loss(
    model: EnergyEnsemble, states_EBS: Tensor, actions_EBA: Tensor, config: LossConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Loss of all members for their own batches.

    Returns:
        The sum over members to descend on (scalar); InfoNCE and penalty per member (E,), detached.
    """
    with torch.no_grad():
        features_EBW = model.features(states_EBS)
    counter_EBKA = config.sampler.sample(model, features_EBW, config.counter_examples, generator).actions_EBKA
    candidates_EBKA = torch.cat([actions_EBA.unsqueeze(2), counter_EBKA], 2).requires_grad_()
    energies_EBK = model(model.features(states_EBS), candidates_EBKA)
    contrast_E = info_nce(energies_EBK)
    (slopes_EBKA,) = torch.autograd.grad(energies_EBK.sum(), candidates_EBKA, create_graph=True)
    excess_EBK = (slopes_EBKA.abs().amax(-1) - config.gradient_margin).clamp(min=0).square()
    penalty_E = excess_EBK.mean((1, 2)) if config.penalty == "mean" else excess_EBK[..., 1:].sum((1, 2))
    return (contrast_E + config.gradient_weight * penalty_E).sum(), contrast_E.detach(), penalty_E.detach()
