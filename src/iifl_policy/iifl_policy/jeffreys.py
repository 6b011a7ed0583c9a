"""Jeffreys divergence between the two members of an ensemble (IIFL Identity 1).

E ensemble members (two), B batch, K chains, W hidden width.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import override

from fleet_learning.uncertainty import MemberActions, MemberEnergies, Uncertainty
from iifl_policy.energy import EnergyModel
from iifl_policy.sampler import ActionSamples

MEMBERS = 2
"""Number of members between which the divergence is defined."""


class Jeffreys(Uncertainty):
    """Jeffreys divergence between two implicit policies exp(-E), from the samples from which the action is chosen."""

    unit: ClassVar[str] = "nats"
    needs_energies: ClassVar[bool] = True

    @override
    @torch.no_grad()
    def __call__(self, members: MemberActions) -> tuple[Tensor, Tensor]:
        """Estimate D_J = E_1[E_2 - E_1] + E_2[E_1 - E_2] from samples of each member from its own exp(-E).

        The estimate may be slightly negative. The error assumes K independent samples (weighted samples: by the delta method).

        Raises:
            ValueError: the ensemble does not have two members, or no energies.
        """
        if len(members.actions_ENKA) != MEMBERS:
            raise ValueError(f"Jeffreys divergence: expected {MEMBERS} members, got {len(members.actions_ENKA)}")
        if members.energies is None:
            raise ValueError("Jeffreys divergence: expected members with energies, got none")
        others_ENK = members.energies.of(members.actions_ENKA.flip(0)).flip(0)
        gaps_ENK = others_ENK - members.energies.of_own_ENK
        weights_ENK = members.weights_ENK
        means_EN = (weights_ENK * gaps_ENK).sum(-1)
        squares_EN = (weights_ENK * (gaps_ENK - means_EN.unsqueeze(-1))).square().sum(-1)
        chains = gaps_ENK.shape[-1]
        return means_EN.sum(0), (squares_EN.sum(0) * chains / (chains - 1)).sqrt()


def member_actions(model: EnergyModel, features_EBW: Tensor, samples: ActionSamples) -> MemberActions:
    """Return samples with the energies of all members at these states."""
    energies = MemberEnergies(samples.energies_EBK, lambda actions_EBKA: model(features_EBW, actions_EBKA))
    return MemberActions(samples.actions_EBKA, samples.weights_EBK, energies)


def jeffreys(model: EnergyModel, features_EBW: Tensor, samples: ActionSamples) -> tuple[Tensor, Tensor]:
    """Return the Jeffreys divergence between two energies and its standard error, (B,) each, nats.

    Args:
        model: an ensemble of two energies.
        features_EBW: the states' part of the first layer.
        samples: samples of each member from its own exp(-E).

    Raises:
        ValueError: the ensemble does not have two members.
    """
    return Jeffreys()(member_actions(model, features_EBW, samples))
