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
    """Config of the loss (IIFL section 7.2; Florence et al. 2021, appendix B.3)."""

    counter_examples: int = 8
    """Counter-examples per demonstrated action."""
    sampler: Langevin = Langevin()
    """Draws the counter-examples."""
    gradient_margin: float = 1.0
    """Slope of the energy, per half action range, above which it is penalised."""
    gradient_weight: float = 1.0
    """Weight of the gradient penalty."""
    penalty: Literal["mean", "sum"] = "mean"
    """Whether the penalty is averaged over demonstrated actions and counter-examples (Florence et al.), or summed over the
    counter-examples alone (the IIFL authors' code)."""


def info_nce(energies_EBK: Tensor) -> Tensor:
    """Return equation 5 per member, (E,), nats: the mean over the batch, with the demonstrated action at index 0 of K."""
    return (torch.logsumexp(-energies_EBK, -1) + energies_EBK[..., 0]).mean(-1)


def ensemble_loss(
    model: EnergyEnsemble,
    states_EBS: Tensor,
    actions_EBA: Tensor,
    config: LossConfig,
    generator: torch.Generator,
    *,
    rounded: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the loss of all members on their own batches.

    Args:
        model: the energies.
        states_EBS: the batches' states, or their encoders' features.
        actions_EBA: the demonstrated actions.
        config: the loss.
        generator: source of the counter-examples.
        rounded: whether the counter-examples are drawn with bfloat16 between hidden layers. The loss of given counter-examples
            does not change.

    Returns:
        The sum over members (scalar), to be minimized; InfoNCE and penalty per member (E,), detached.
    """
    features_EBW = model.features(states_EBS)
    with torch.no_grad():
        drawn_from = model.rounded() if rounded else model
        samples = config.sampler.sample(drawn_from, features_EBW, config.counter_examples, generator)
    candidates_EBKA = torch.cat([actions_EBA.unsqueeze(2), samples.actions_EBKA], 2)
    energies_EBK, slopes_EBKA = model.with_slopes(features_EBW, candidates_EBKA)
    contrast_E = info_nce(energies_EBK)
    excess_EBK = (slopes_EBKA.abs().amax(-1) - config.gradient_margin).clamp(min=0).square()
    penalty_E = excess_EBK.mean((1, 2)) if config.penalty == "mean" else excess_EBK[..., 1:].sum((1, 2))
    return (contrast_E + config.gradient_weight * penalty_E).sum(), contrast_E.detach(), penalty_E.detach()
