"""One member of a site's ensemble, and the site's pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from fleet_learning.dataset import Dataset
from fleet_learning.mergeable import Mergeable
from fleet_learning.network import Network
from fleet_learning.randomness import torch_generator
from fleet_learning.symmetry import Parameters, Permutations

BATCH = 128
"""Pairs that a network sees at once."""


@dataclass(frozen=True)
class Member:
    """A member's parameters, with what is needed to match, merge and evaluate them."""

    policy: Mergeable
    parameters: Parameters
    pairs: Dataset
    seed: int

    @property
    def network(self) -> Network[Any]:
        """Its network."""
        return self.policy.member_network

    def reordered(self, orders: Permutations) -> Self:
        """Return the member with its units in these orders."""
        return replace(self, parameters=self.network.symmetries.reordered(self.parameters, orders))

    def batches(self) -> Iterator[Any]:
        """Yield what the member sees at all pairs; the same at every call."""
        for begin in range(0, len(self.pairs), BATCH):
            rows = torch.arange(begin, min(begin + BATCH, len(self.pairs))).numpy()
            yield self.policy.observed_by_members(self.pairs[rows], torch_generator(self.seed, begin))

    def loss(self, parameters: Parameters, generator: torch.Generator) -> Tensor:
        """Return the imitation loss of a member with these parameters on a batch of pairs."""
        rows = torch.randint(len(self.pairs), (BATCH,), generator=generator).numpy()
        return self.policy.imitation_loss(parameters, self.policy.observed_by_members(self.pairs[rows], generator))


def member_parameters(tensors: Mapping[str, Tensor], member: int) -> dict[str, Tensor]:
    """Return the parameters of one member of an ensemble."""
    return {name: own[member : member + 1] for name, own in tensors.items()}


def ensemble(members: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the tensors of an ensemble of these members."""
    return {name: torch.cat([own[name] for own in members]) for name in members[0]}


def count(tensors: Mapping[str, Tensor]) -> int:
    """Return the number of members of an ensemble."""
    return len(next(iter(tensors.values())))
