"""Explicit policies: an ensemble of regressions from observation to action (Ensemble-DAgger's; IIFL's baselines BC and IFL).

N robots, E ensemble members, B batch, S state dim, A action dim.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fleet_contract.robot import Stream
from fleet_learning.augmentation import Augmentation
from fleet_learning.dataset import Dataset
from fleet_learning.encoder import Encoders, encode, encoder_tensors, observed_shape, split_tensors, stream_of
from fleet_learning.image_encoder import ImageEncoderShape
from fleet_learning.optimization import FORMERLY_DESCENT, OnStep, OptimizerConfig, OptimizerState, optimize
from fleet_learning.perceptron import Perceptrons, new_perceptrons, perceptrons_from
from fleet_learning.policy import Decision, Fitted, PolicyConfig
from fleet_learning.resume_file import ResumeFile, resume_key
from fleet_learning.scaling import Scaling
from fleet_learning.training_batches import training_batches


@dataclass(frozen=True)
class ExplicitShape:
    """Size of an ensemble; the defaults are the IFL benchmark's."""

    state_dim: int
    action_dim: int
    members: int = 5
    width: int = 256
    depth: int = 2
    """Hidden layers."""

    @property
    def sizes(self) -> list[int]:
        """Inputs, hidden widths, outputs."""
        return [self.state_dim, *[self.width] * self.depth, self.action_dim]


@dataclass(frozen=True)
class ExplicitConfig:
    """An explicit policy; the defaults are the IFL benchmark's."""

    shape: ExplicitShape
    kind: Literal["explicit"] = "explicit"
    optimizer: Annotated[OptimizerConfig, FORMERLY_DESCENT] = OptimizerConfig(learning_rate=3e-4, decay=1.0)
    encoder: ImageEncoderShape | None = None
    """Sees for a policy that decides from images; its features are the states of `shape`."""
    augmentation: Augmentation = Augmentation()
    """Of images that are learned from."""

    @property
    def observes(self) -> Stream:
        """What the policy decides from."""
        return stream_of(self.encoder)

    @property
    def observed_shape(self) -> tuple[int, ...]:
        """Shape of one observation."""
        return observed_shape(self.encoder, self.shape.state_dim)

    @property
    def action_dim(self) -> int:
        """A."""
        return self.shape.action_dim


@dataclass(frozen=True)
class ExplicitPolicy:
    """Acts by the members' mean; their variance tells how sure it is."""

    config: ExplicitConfig
    net: Perceptrons
    scaling: Scaling
    optimizer_state: OptimizerState = OptimizerState()
    encoders: Encoders | None = None
    config_type: ClassVar[type[PolicyConfig]] = ExplicitConfig
    uncertainty_unit: ClassVar[str] = "1"

    @property
    def observes(self) -> Stream:
        """What it decides from."""
        return self.config.observes

    def with_sampling(self, chains: int, iterations: int) -> Self:  # noqa: ARG002
        """Nothing is drawn."""
        return self

    @torch.no_grad()
    def decide(self, observations_N: NDArray[np.generic], generator: torch.Generator) -> Decision:  # noqa: ARG002
        """One forward pass; nothing is drawn.

        The uncertainty is the members' variance as a share of the largest that two halves of the range allow, averaged
        over action dimensions (IFL benchmark).
        """
        observed = torch.as_tensor(observations_N, device=self.net.weights[0].device).float()
        seen_ENS = encode(self.encoders, self.scaling.states(observed).expand(self.net.members, *observed.shape))
        actions_ENA = _squashed(self.net, seen_ENS)
        return Decision(
            actions_NA=self.scaling.robot_actions(actions_ENA.mean(0)).double().cpu().numpy(),
            uncertainties_N=actions_ENA.var(0, correction=0).mean(-1).double().cpu().numpy(),
            standard_errors_N=np.zeros(len(observations_N)),
        )

    def fit(
        self, dataset: Dataset, *, steps: int, seed: int, on_step: OnStep | None = None, resume_path: Path | None = None
    ) -> Fitted[Self]:
        """Least squares, all members on their own bootstraps, in one batched pass; see `Policy.fit`."""
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
            resume_file=ResumeFile(
                resume_path, resume_key(self.config, dataset.digest, steps, seed, self.optimizer_state.steps)
            )
            if resume_path
            else None,
        )
        policy = replace(
            self, net=net.frozen(), optimizer_state=optimizer_state, encoders=encoders and encoders.frozen()
        )
        return Fitted(policy, mean_loss)

    def tensors(self) -> dict[str, Tensor]:
        """The model's parameters by name."""
        return self.net.tensors() | encoder_tensors(self.encoders)

    def with_state(self, tensors: Mapping[str, Tensor], optimizer_state: OptimizerState) -> Self:
        """The same policy with other parameters; see `Policy.with_state`."""
        return self.from_tensors(self.config, tensors, self.scaling, optimizer_state)

    @classmethod
    def from_tensors(
        cls, config: ExplicitConfig, tensors: Mapping[str, Tensor], scaling: Scaling, optimizer_state: OptimizerState
    ) -> Self:
        """See `Policy.from_tensors`."""
        shape = config.shape
        encoders, own = split_tensors(tensors, config.encoder, shape.members)
        return cls(config, perceptrons_from(own, shape.members, shape.sizes), scaling, optimizer_state, encoders)


def _squashed(net: Perceptrons, states_EBS: Tensor) -> Tensor:
    """Actions (E, B, A) in model space."""
    return torch.tanh(net(states_EBS))


def new_explicit(config: ExplicitConfig, scaling: Scaling, generator: torch.Generator) -> ExplicitPolicy:
    """A policy that has learned nothing."""
    encoders = config.encoder.new(config.shape.members, generator) if config.encoder else None
    net = new_perceptrons(config.shape.members, config.shape.sizes, generator)
    return ExplicitPolicy(config, net, scaling, encoders=encoders)
