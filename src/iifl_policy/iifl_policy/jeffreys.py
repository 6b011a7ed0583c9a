"""Jeffreys divergence between the two members of an ensemble (IIFL Identity 1).

E ensemble members (two), B batch, K chains, W hidden width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from iifl_policy.energy import EnergyModel
from iifl_policy.sampler import ActionSamples

MEMBERS = 2
"""Number of members between which the divergence is defined."""


@torch.no_grad()
def jeffreys(model: EnergyModel, features_EBW: Tensor, samples: ActionSamples) -> tuple[Tensor, Tensor]:
    """Estimate D_J = E_1[E_2 - E_1] + E_2[E_1 - E_2] from samples of both members.

    Args:
        model: an ensemble of two energies.
        features_EBW: the states' part of the first layer.
        samples: samples of each member from its own exp(-E).

    Returns:
        Divergence and its standard error, (B,) each, nats. The estimate may be slightly negative. The error assumes K
        independent samples (weighted samples: by the delta method).

    Raises:
        ValueError: the ensemble does not have two members.
    """
    if len(features_EBW) != MEMBERS:
        raise ValueError(f"Jeffreys divergence: expected {MEMBERS} members, got {len(features_EBW)}")
    others_EBK = model(features_EBW, samples.actions_EBKA.flip(0)).flip(0)
    gaps_EBK = others_EBK - samples.energies_EBK
    weights_EBK = samples.weights_EBK
    means_EB = (weights_EBK * gaps_EBK).sum(-1)
    squares_EB = (weights_EBK * (gaps_EBK - means_EB.unsqueeze(-1))).square().sum(-1)
    chains = gaps_EBK.shape[-1]
    return means_EB.sum(0), (squares_EB.sum(0) * chains / (chains - 1)).sqrt()
