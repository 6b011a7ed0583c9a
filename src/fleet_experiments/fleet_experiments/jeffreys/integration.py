"""Integrates the Jeffreys divergence of energies over one action dimension numerically.

E ensemble members (two), B states, G grid points, W state dim (one).
"""

from __future__ import annotations

import torch
from torch import Tensor

from iifl_policy.energy import EnergyModel


def integrated(model: EnergyModel, states_B: Tensor, points: int = 2000) -> Tensor:
    """Return Jeffreys divergences, (B,), nats: identity 1 of IIFL by the midpoint rule over the action range."""
    middles_G = (torch.arange(points, dtype=torch.float64) + 0.5) * (2 / points) - 1
    energies_EBG = energies_at(model, states_B, middles_G)
    gaps_EBG = energies_EBG.flip(0) - energies_EBG
    return (torch.softmax(-energies_EBG, -1) * gaps_EBG).sum((0, 2))


def energies_at(model: EnergyModel, states_B: Tensor, actions_G: Tensor) -> Tensor:
    """Return energies of all actions at all states, (E, B, G)."""
    features_EBW = features_of(states_B)
    return model(features_EBW, actions_G.view(1, 1, -1, 1).expand(*features_EBW.shape[:2], -1, 1))


def features_of(states_B: Tensor) -> Tensor:
    """Return the states as the features of both members, (E, B, W)."""
    return states_B.view(1, -1, 1).expand(2, -1, -1)
