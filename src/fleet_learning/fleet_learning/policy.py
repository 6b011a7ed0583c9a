"""The Policy protocol: decides for the whole fleet in one batch, and learns.

N robots, S state dim, H image rows, W image columns, C channels, A action dim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from fleet_learning.uncertainty import OwnUncertainty, Uncertainty

P_co = TypeVar("P_co", covariant=True)


@dataclass(frozen=True)
class Decision:
    """The policy's actions at one tick, and how uncertain it is of them."""

    actions_NA: NDArray[np.float64]
    """Actions in the robot's units and range."""
    uncertainties_N: NDArray[np.float64]
    """Disagreement of the ensemble; its unit is that of the policy's `uncertainty`."""
    standard_errors_N: NDArray[np.float64]
    """Standard errors of the uncertainties; zero where they are exact."""
    diagnostics: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """Further values worth plotting, by name; (N,) each."""


@dataclass(frozen=True)
class Fitted(Generic[P_co]):
    """The result of a training."""

    policy: P_co
    loss: float
    """Mean loss over members and the last tenth of the steps."""


def no_decision(robots: int) -> Decision:
    """Return the decision of a fleet without a policy: no actions, and the same uncertainty for all robots."""
    return Decision(np.zeros((robots, 0)), np.ones(robots), np.zeros(robots))


class Decider(Protocol):
    """Decides for the fleet tick by tick, with one policy. It may remember earlier ticks; a new one does not."""

    policy: Policy
    """The policy that decides."""

    def decide(
        self, observations_N: NDArray[np.generic], robots: Sequence[int], generator: torch.Generator
    ) -> Decision:
        """Decide for N robots; equal observations and generators from the first decision on give equal decisions.

        Args:
            observations_N: states (N, S) in the robots' units, or images (N, H, W, C) of 8-bit values.
            robots: indices of these robots in the fleet, in ascending order.
            generator: source of all random numbers.
        """


class PolicyConfig(Protocol):
    """How a policy is built, decides and learns: a frozen dataclass, stored in checkpoints as JSON."""

    @property
    def kind(self) -> str:
        """Name of the policy's entry point."""

    @property
    def observes(self) -> Stream:
        """Stream that the policy decides from."""

    @property
    def observed_shape(self) -> tuple[int, ...]:
        """Shape of one observation: (S,) of a state, (H, W, C) of an image."""

    @property
    def action_dim(self) -> int:
        """Length of an action, A."""


class Policy(Protocol):
    """A policy that a node can serve and a trainer can improve. Immutable: training returns another one."""

    config_type: ClassVar[type[PolicyConfig]]
    """Class of the configs of this kind of policy."""
    default_uncertainty: ClassVar[str]
    """Name of the uncertainty that a new policy of this kind has."""
    has_energies: ClassVar[bool]
    """Whether the policy's uncertainty may depend on energies."""

    @property
    def observes(self) -> Stream:
        """Stream that the policy decides from."""

    @property
    def config(self) -> Any:
        """The policy's config, an instance of `config_type`."""

    @property
    def scaling(self) -> Scaling:
        """Conversion between the robot's units and model space."""

    @property
    def optimizer_state(self) -> OptimizerState:
        """Optimizer state that the next training continues from."""

    @property
    def uncertainty(self) -> Uncertainty | OwnUncertainty:
        """The part that estimates the uncertainty, or the unit of the policy's own estimate."""

    @property
    def sampler(self) -> str | None:
        """Name of the sampler; None for a policy that does not sample."""

    @property
    def deciders(self) -> tuple[str, ...]:
        """Kinds of deciders that the policy offers; all policies offer `full`."""

    def decider(self, kind: str, *, humans: int, threshold: float) -> Decider:
        """Return a new decider with this policy.

        Args:
            kind: one of `deciders`.
            humans: number of humans who help the robots.
            threshold: uncertainty above which a robot asks for help, in the unit of the uncertainty; minus infinity if it is not known.
        """

    def decide(self, observations_N: NDArray[np.generic], generator: torch.Generator) -> Decision:
        """Decide for N robots without memory; equal generator states give equal decisions.

        Args:
            observations_N: states (N, S) in the robot's units, or images (N, H, W, C) of 8-bit values.
            generator: source of all random numbers.
        """

    def with_sampling(
        self, chains: int, iterations: int, sampler: str | None = None, step_sizes: tuple[float, float] | None = None
    ) -> Self:
        """Return the same policy with another sampler or sampling effort.

        A policy that does not sample is returned as it is.

        Args:
            chains: actions to draw per robot and member.
            iterations: iterations of the sampler.
            sampler: name of the sampler; None keeps the policy's.
            step_sizes: step sizes of the first and last iteration; None keeps the sampler's.
        """

    def with_uncertainty(self, uncertainty: Uncertainty) -> Self:
        """Return the same policy with another uncertainty."""

    def rounded(self) -> Self:
        """Return the same policy with bfloat16 between hidden layers, for inference only, or the policy itself if it has no use for that."""

    def fit(
        self, dataset: Dataset, *, steps: int, seed: int, on_step: OnStep | None = None, resume_path: Path | None = None
    ) -> Fitted[Self]:
        """Train further and return the trained policy; this one does not change.

        Args:
            dataset: all pairs, offline and online.
            steps: number of gradient steps.
            seed: seed of bootstraps, batches and counter-examples.
            on_step: called after every step.
            resume_path: file from which an interrupted training resumes; it is removed when the training is complete.

        Raises:
            InputError: `resume_path` belongs to another training.
            ValueError: the dataset is empty.
        """

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the model's parameters by name."""

    def with_state(self, tensors: Mapping[str, torch.Tensor], optimizer_state: OptimizerState) -> Self:
        """Return the same policy with other parameters and another optimizer state.

        Raises:
            KeyError: a tensor is missing.
            ValueError: the tensors are not those that the config describes.
        """

    @classmethod
    def from_tensors(
        cls, config: Any, tensors: Mapping[str, torch.Tensor], scaling: Scaling, optimizer_state: OptimizerState
    ) -> Self:
        """Return the policy of this config with these parameters.

        Raises:
            KeyError: a tensor is missing.
            ValueError: the tensors are not those that the config describes.
        """
