"""Policies that can be merged with others of their kind."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from fleet_learning.dataset import Dataset
from fleet_learning.network import Network
from fleet_learning.policy import Policy
from fleet_learning.symmetry import Parameters


@runtime_checkable
class Mergeable(Policy, Protocol):
    """A policy whose tensors have one entry per member in their first dimension. Members are merged one by one."""

    @property
    def member_network(self) -> Network[Any]:
        """Network of each member, whose parameters are the policy's tensors with one member."""

    def observed_by_members(self, pairs: Dataset, generator: torch.Generator) -> Any:
        """Return what the network sees at these pairs; the generator draws what is random."""

    def imitation_loss(self, parameters: Parameters, observed: Any) -> Tensor:
        """Return how badly a member with these parameters imitates what it sees: a scalar, differentiable by the parameters."""
