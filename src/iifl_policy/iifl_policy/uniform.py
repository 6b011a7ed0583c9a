"""Uniform sampling of actions, weighted by exp(-E).

E ensemble members, B batch, K chains, A action dim. Actions are in model space, [-1, 1] per dimension.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from typing_extensions import override

from iifl_policy.energy import EnergyModel
from iifl_policy.sampler import ActionSamples, Sampler, uniform_actions

FILLED_DIMS = 2
"""Largest number of action dimensions in which uniform actions fill the range densely enough."""


@dataclass(frozen=True)
class Uniform(Sampler):
    """Uniform random actions, weighted such that expectations are those of exp(-E) (self-normalised importance sampling).

    One evaluation per action. Suited to one or two action dimensions, where K actions fill the range densely.
    """

    kind: Literal["uniform"] = "uniform"

    @override
    @torch.no_grad()
    def sample(
        self, model: EnergyModel, features_EBW: Tensor, chains: int, generator: torch.Generator
    ) -> ActionSamples:
        actions_EBKA = uniform_actions(model, features_EBW, chains, generator)
        energies_EBK = model(features_EBW, actions_EBKA)
        return ActionSamples(actions_EBKA, energies_EBK, torch.softmax(-energies_EBK, -1))
