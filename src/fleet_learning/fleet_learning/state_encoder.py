"""State encoders: layers that see the state alone, ahead of an energy's first layer, which sees actions as well.

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
    """Size of a state encoder."""

    stream: ClassVar[Stream] = "state"
    state_dim: int
    """Length of a state, I."""
    width: int
    depth: int
    """Number of hidden layers; the last one's activations are the features."""

    @property
    def observed(self) -> tuple[int, ...]:
        """Shape of one state, (I,)."""
        return (self.state_dim,)

    @property
    def features(self) -> int:
        """Number of features, S."""
        return self.width

    def new(self, members: int, generator: torch.Generator) -> StateEncoders:
        """Return untrained encoders, with weights drawn per member."""
        return _encoders(new_perceptrons(members, self._sizes, generator))

    def encoders_from(self, tensors: Mapping[str, Tensor], members: int) -> StateEncoders:
        """Return encoders from tensors that `StateEncoders.tensors` named.

        Raises:
            KeyError: a tensor is missing.
            ValueError: there are other tensors, or one has another shape.
        """
        return _encoders(perceptrons_from(tensors, members, self._sizes))

    @property
    def _sizes(self) -> list[int]:
        return [self.state_dim, *[self.width] * self.depth]


@dataclass(frozen=True)
class StateEncoders(Perceptrons):
    """Layers with a ReLU after each, which run once per observation, not once per sampled action.

    Without them, the few layers of an energy have to find both where the best action of a state is and how far from it a
    given action is. With them, the first is known before an action is seen.
    """

    ends_with_relu: ClassVar[bool] = True


def _encoders(net: Perceptrons) -> StateEncoders:
    return StateEncoders(net.weights, net.biases)
