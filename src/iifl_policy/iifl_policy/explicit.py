"""Explicit policies: an ensemble of regressions from observation to action (EnsembleDAgger; IIFL's baselines BC and IFL).

N robots, E ensemble members, B batch, S state dim, A action dim.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from fleet_learning.augmentation import Augmentation
from fleet_learning.dataset import Dataset
from fleet_learning.encoder import EncodedConfig, Encoders, encode, encoder_tensors, split_tensors
from fleet_learning.image_encoder import ImageEncoderShape
from fleet_learning.member_network import MemberNetwork, ObservedPairs
from fleet_learning.optimization import FORMERLY_DESCENT, OnStep, OptimizerConfig, OptimizerState, optimize
from fleet_learning.perceptron import Perceptrons, new_perceptrons, perceptrons_from
from fleet_learning.plain_policy import PlainPolicy
from fleet_learning.policy import Decision, Fitted, PolicyConfig
from fleet_learning.scaling import Scaling
from fleet_learning.symmetry import Parameters
from fleet_learning.training_batches import training_batches
from fleet_learning.uncertainty import MemberActions, Uncertainty
from fleet_learning.variance import Variance


@dataclass(frozen=True)
class ExplicitShape:
    """Size of an ensemble; the defaults are the IFL benchmark's."""

    state_dim: int
    action_dim: int
    members: int = 5
    width: int = 256
    depth: int = 2
    """Number of hidden layers."""

    @property
    def sizes(self) -> list[int]:
        """Number of inputs, hidden widths, number of outputs."""
        return [self.state_dim, *[self.width] * self.depth, self.action_dim]


@dataclass(frozen=True)
class ExplicitConfig(EncodedConfig):
    """Config of an explicit policy; the defaults are the IFL benchmark's."""

    shape: ExplicitShape
    kind: Literal["explicit"] = "explicit"
    optimizer: Annotated[OptimizerConfig, FORMERLY_DESCENT] = OptimizerConfig(learning_rate=3e-4, decay=1.0)
    encoder: ImageEncoderShape | None = None
    """Encoder of images, whose features are the states of `shape`; None: the regressions see the state itself."""
    augmentation: Augmentation = Augmentation()
    """Augmentation of training images."""


@dataclass(frozen=True)
class ExplicitPolicy(PlainPolicy):
    """Acts by the mean of its members; their variance is the uncertainty."""

    config: ExplicitConfig
    net: Perceptrons
    scaling: Scaling
    optimizer_state: OptimizerState = OptimizerState()
    encoders: Encoders | None = None
    uncertainty: Uncertainty = field(default_factory=Variance)
    """Estimates the uncertainty from the members' actions."""
    config_type: ClassVar[type[PolicyConfig]] = ExplicitConfig
    default_uncertainty: ClassVar[str] = "variance"

    @override
    def with_uncertainty(self, uncertainty: Uncertainty) -> Self:
        """Return the same policy with another uncertainty."""
        return replace(self, uncertainty=uncertainty)

    @torch.no_grad()
    def decide(self, observations_N: NDArray[np.generic], generator: torch.Generator) -> Decision:  # noqa: ARG002
        """Decide by one forward pass, without sampling. The uncertainty of a policy with one member is zero."""
        observed = torch.as_tensor(observations_N, device=self.net.weights[0].device).float()
        features_ENS = encode(self.encoders, self.scaling.states(observed).expand(self.net.members, *observed.shape))
        actions_ENA = _squashed(self.net, features_ENS)
        if self.net.members > 1:
            weights_ENK = torch.ones_like(actions_ENA[..., :1])
            uncertainty_N, error_N = self.uncertainty(MemberActions(actions_ENA.unsqueeze(2), weights_ENK))
        else:
            uncertainty_N = error_N = torch.zeros(len(observations_N))
        return Decision(
            actions_NA=self.scaling.robot_actions(actions_ENA.mean(0)).double().cpu().numpy(),
            uncertainties_N=uncertainty_N.double().cpu().numpy(),
            standard_errors_N=error_N.double().cpu().numpy(),
        )

    def fit(
        self, dataset: Dataset, *, steps: int, seed: int, on_step: OnStep | None = None, resume_path: Path | None = None
    ) -> Fitted[Self]:
        """Train all members on their own bootstraps by least squares in one batched pass, and return the trained policy."""
        pairs = training_batches(dataset, self.scaling, self.config.augmentation, seed)
        net, encoders = self.net.trainable(), self.encoders and self.encoders.trainable()

        def loss(batch: Tensor, generator: torch.Generator) -> tuple[Tensor, Mapping[str, Tensor]]:
            observed, actions = pairs(batch, generator)
            error_E = (_squashed(net, encode(encoders, observed)) - actions).square().mean((1, 2))
            return error_E.sum(), {"squared error": error_E.detach()}

        optimizer_state, mean_loss = optimize(
            [*net.parameters(), *(encoders.parameters() if encoders else ())],
            loss,
            dataset.training_rows(net.members, seed),
            self.config.optimizer,
            self.optimizer_state,
            steps=steps,
            seed=seed,
            on_step=on_step,
            resume_path=resume_path,
            identity=lambda: (self.config, dataset.digest),
        )
        policy = replace(
            self, net=net.frozen(), optimizer_state=optimizer_state, encoders=encoders and encoders.frozen()
        )
        return Fitted(policy, mean_loss)

    @property
    def member_network(self) -> MemberNetwork:
        """Network of each member; its outputs are actions before they are squashed."""
        return MemberNetwork(self.config.encoder, self.config.shape.sizes, sees_actions=False)

    def observed_by_members(self, pairs: Dataset, generator: torch.Generator) -> ObservedPairs:  # noqa: ARG002
        """Return the pairs in model space."""
        observed_B, actions_BA = self.scaling.pairs(pairs)
        return ObservedPairs(observed_B, actions_BA[:, None])

    def imitation_loss(self, parameters: Parameters, observed: ObservedPairs) -> Tensor:
        """Return the mean squared error of a member's actions in model space."""
        actions_BA = torch.tanh(self.member_network.outputs(parameters, observed))
        return (actions_BA - observed.actions_BKA[:, 0]).square().mean()

    def tensors(self) -> dict[str, Tensor]:
        """Return the model's parameters by name."""
        return self.net.tensors() | encoder_tensors(self.encoders)

    def with_state(self, tensors: Mapping[str, Tensor], optimizer_state: OptimizerState) -> Self:
        """Return the same policy with other parameters and another optimizer state."""
        return self.from_tensors(self.config, tensors, self.scaling, optimizer_state).with_uncertainty(self.uncertainty)

    @classmethod
    def from_tensors(
        cls, config: ExplicitConfig, tensors: Mapping[str, Tensor], scaling: Scaling, optimizer_state: OptimizerState
    ) -> Self:
        """Return the policy of this config with these parameters."""
        shape = config.shape
        encoders, own = split_tensors(tensors, config.encoder, shape.members)
        return cls(config, perceptrons_from(own, shape.members, shape.sizes), scaling, optimizer_state, encoders)


def _squashed(net: Perceptrons, states_EBS: Tensor) -> Tensor:
    """Return actions (E, B, A) in model space."""
    return torch.tanh(net(states_EBS))


def new_explicit(config: ExplicitConfig, scaling: Scaling, generator: torch.Generator) -> ExplicitPolicy:
    """Return an untrained policy."""
    encoders = config.encoder.new(config.shape.members, generator) if config.encoder else None
    net = new_perceptrons(config.shape.members, config.shape.sizes, generator)
    return ExplicitPolicy(config, net, scaling, encoders=encoders)
