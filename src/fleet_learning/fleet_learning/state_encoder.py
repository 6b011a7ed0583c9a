"""Encoders of states: layers that see the state alone, before an energy's first layer sees actions as well.

E ensemble members, B batch, I values of an observed state, S features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from fleet_contract.robot import Stream
from fleet_learning.perceptron import Perceptrons, new_perceptrons, perceptrons_from


@dataclass(frozen=True)
class StateEncoderShape:
    """Size of an encoder of states."""

    stream: ClassVar[Stream] = "state"
    state_dim: int
    """I."""
    width: int
    depth: int
    """Hidden layers; the last one's are the features."""

    @property
    def observed(self) -> tuple[int, ...]:
        """I."""
        return (self.state_dim,)

    @property
    def features(self) -> int:
        """S."""
        return self.width

    def new(self, members: int, generator: torch.Generator) -> StateEncoders:
        """Members begin with different weights; see `new_perceptrons`."""
        return _encoders(new_perceptrons(members, self._sizes, generator))

    def encoders_from(self, tensors: Mapping[str, Tensor], members: int) -> StateEncoders:
        """From what `StateEncoders.tensors` names; see `perceptrons_from`."""
        return _encoders(perceptrons_from(tensors, members, self._sizes))

    @property
    def _sizes(self) -> list[int]:
        return [self.state_dim, *[self.width] * self.depth]


@dataclass(frozen=True)
class StateEncoders(Perceptrons):
    """Layers with a ReLU behind each, run once per observation: chains of actions begin behind them.

    An energy of a concatenated state and action has to find in the same few layers where the best action is and how far
    from it another one is. With these layers it knows the first before the second begins.
    """

    def __call__(self, states_EBI: Tensor) -> Tensor:
        """Features (E, B, S) of states in model space."""
        return torch.relu(super().__call__(states_EBI))


def _encoders(net: Perceptrons) -> StateEncoders:
    return StateEncoders(net.weights, net.biases)
