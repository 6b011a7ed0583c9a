"""The policy Protocol: decides for the whole fleet in one batch, and learns.

N robots, S state dim, H image rows, W image columns, C channels, A action dim.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from fleet_contract.robot import Stream
from fleet_learning.dataset import Dataset
from fleet_learning.optimization import OnStep, OptimizerState
from fleet_learning.scaling import Scaling

P_co = TypeVar("P_co", covariant=True)


@dataclass(frozen=True)
class Decision:
    """What the policy would do at one tick, and how sure it is."""

    actions_NA: NDArray[np.float64]
    """In the robot's units and range."""
    uncertainties_N: NDArray[np.float64]
    """Disagreement of the ensemble; its unit is the policy's `uncertainty_unit`."""
    standard_errors_N: NDArray[np.float64]
    """Of the uncertainties; zero where they are exact."""
    diagnostics: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """What else is worth plotting, (N,) each."""


@dataclass(frozen=True)
class Fitted(Generic[P_co]):
    """What training gives."""

    policy: P_co
    loss: float
    """Mean over members and the last tenth of the steps."""


def no_decision(robots: int) -> Decision:
    """What is decided before anything was learned: nothing, and unsure everywhere."""
    return Decision(np.zeros((robots, 0)), np.ones(robots), np.zeros(robots))


class Decider(Protocol):
    """Whatever decides for the fleet."""

    @property
    def observes(self) -> Stream:
        """What it decides from."""

    def decide(self, observations_N: NDArray[np.generic], generator: torch.Generator) -> Decision:
        """Decide for N robots; the same generator state gives the same decision.

        Args:
            observations_N: states (N, S) in the robot's units, or images (N, H, W, C) of 8-bit values.
            generator: of what is drawn.
        """


class PolicyConfig(Protocol):
    """How a policy is built, decides and learns: a frozen dataclass, which checkpoints hold as JSON."""

    @property
    def kind(self) -> str:
        """Name of the policy's entry point."""

    @property
    def observes(self) -> Stream:
        """What the policy decides from."""

    @property
    def observed_shape(self) -> tuple[int, ...]:
        """Shape of one observation: (S,) of a state, (H, W, C) of an image."""

    @property
    def action_dim(self) -> int:
        """A, the length of the action."""


class Policy(Decider, Protocol):
    """A policy that a node can serve and a trainer can improve. Immutable: training gives another one."""

    config_type: ClassVar[type[PolicyConfig]]

    @property
    def config(self) -> Any:
        """An object of `config_type`."""

    @property
    def scaling(self) -> Scaling:
        """Between the robot's units and the model's."""

    @property
    def optimizer_state(self) -> OptimizerState:
        """How far it has learned."""

    @property
    def uncertainty_unit(self) -> str:
        """Of the uncertainties."""

    def with_sampling(self, chains: int, iterations: int) -> Self:
        """The same policy that draws so many actions per robot and member, in so many iterations.

        A policy that draws nothing is returned as it is.
        """

    def fit(
        self, dataset: Dataset, *, steps: int, seed: int, on_step: OnStep | None = None, resume_path: Path | None = None
    ) -> Fitted[Self]:
        """Train further; this policy stays as it is.

        Args:
            dataset: all pairs, offline and online.
            steps: gradient steps.
            seed: of bootstraps, batches and counter-examples.
            on_step: called after every step.
            resume_path: file from which a training that was cut goes on, and which is gone when it is done.

        Raises:
            BadInput: `resume_path` holds another training.
            ValueError: the dataset is empty.
        """

    def tensors(self) -> dict[str, torch.Tensor]:
        """The model's parameters by name."""

    def with_state(self, tensors: Mapping[str, torch.Tensor], optimizer_state: OptimizerState) -> Self:
        """The same policy with other parameters, which has learned as far as `optimizer_state` says."""

    @classmethod
    def from_tensors(
        cls, config: Any, tensors: Mapping[str, torch.Tensor], scaling: Scaling, optimizer_state: OptimizerState
    ) -> Self:
        """The policy of this config with these parameters.

        Raises:
            KeyError: a tensor is missing.
            ValueError: the tensors are not those that the config describes.
        """
