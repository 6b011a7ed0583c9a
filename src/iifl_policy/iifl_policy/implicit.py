"""Implicit policies: an ensemble of energy models; the action is the one of lowest energy (IIFL equation 1).

N robots, E ensemble members, B batch, K chains, S state dim, A action dim, W hidden width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from fleet_contract.robot import Stream
from fleet_learning.augmentation import Augmentation
from fleet_learning.dataset import Dataset
from fleet_learning.encoder import (
    EncodedConfig,
    Encoders,
    EncoderShape,
    encode,
    encoder_tensors,
    split_tensors,
)
from fleet_learning.full_decider import FULL, FullDecider
from fleet_learning.member_losses import member_losses
from fleet_learning.member_network import MemberNetwork, ObservedPairs
from fleet_learning.optimization import FORMERLY_DESCENT, OnStep, OptimizerConfig, OptimizerState, optimize
from fleet_learning.perceptron import perceptrons_from
from fleet_learning.policy import Decider, Decision, Fitted, PolicyConfig
from fleet_learning.precision import multiplies_bfloat16
from fleet_learning.randomness import branches, on_device
from fleet_learning.scaling import Scaling
from fleet_learning.symmetry import Parameters
from fleet_learning.training_batches import training_batches
from fleet_learning.uncertainty import Uncertainty
from iifl_policy.cascade import CASCADE, Cascade, cascade_config
from iifl_policy.derivative_free import DerivativeFree
from iifl_policy.energy import EnergyEnsemble, EnergyShape, new_energy
from iifl_policy.jeffreys import Jeffreys, member_actions
from iifl_policy.langevin import Langevin
from iifl_policy.loss import LossConfig, ensemble_loss, info_nce
from iifl_policy.polish import Polish
from iifl_policy.sampler import ActionSamples
from iifl_policy.spectral import SpectralNorm, folded
from iifl_policy.uniform import Uniform

SAMPLERS: Mapping[str, type[Langevin | Uniform | DerivativeFree]] = {
    sampler.kind: sampler for sampler in (Langevin, Uniform, DerivativeFree)
}
"""Samplers of implicit policies by name."""
UNIFORM_ACTIONS = 15
"""Uniform actions beside the recorded one at which energies are merged: chains begin anywhere and end near recorded actions."""


@dataclass(frozen=True)
class ImplicitConfig(EncodedConfig):
    """Config of an implicit policy; the defaults are the paper's (IIFL Table 3)."""

    shape: EnergyShape
    kind: Literal["implicit"] = "implicit"
    sampler: Annotated[Langevin | Uniform | DerivativeFree, Field(discriminator="kind")] = Langevin()
    """Draws the actions among which the policy chooses."""
    chains: int = 512
    """Chains per robot and member, K."""
    polish: Polish | None = None
    """Refines the best of these actions; None: the best one is taken as it is."""
    loss: LossConfig = LossConfig()
    optimizer: Annotated[OptimizerConfig, FORMERLY_DESCENT] = OptimizerConfig()
    spectral_norm: bool = False
    """Whether hidden layers are spectrally normalised in training."""
    encoder: EncoderShape | None = None
    """Encoder of images or states, whose features are the states of `shape`; None: the energies see the state itself."""
    augmentation: Augmentation = Augmentation()
    """Augmentation of training images."""


@dataclass(frozen=True)
class ImplicitPolicy:
    """An ensemble of bootstrapped energy models: the first acts, and the disagreement of all is the uncertainty."""

    config: ImplicitConfig
    model: EnergyEnsemble
    scaling: Scaling
    optimizer_state: OptimizerState = OptimizerState()
    encoders: Encoders | None = None
    uncertainty: Uncertainty = field(default_factory=Jeffreys)
    """Estimates the uncertainty from the samples from which the action is chosen."""
    config_type: ClassVar[type[PolicyConfig]] = ImplicitConfig
    default_uncertainty: ClassVar[str] = "jeffreys"
    has_energies: ClassVar[bool] = True

    @property
    def sampler(self) -> str:
        """Name of the sampler."""
        return self.config.sampler.kind

    @property
    def deciders(self) -> tuple[str, ...]:
        """Kinds of deciders that the policy offers.

        The cascade continues chains that follow exp(-E). Uniform actions cost one evaluation each, also without it.
        """
        sampler = self.config.sampler
        return (FULL, CASCADE) if isinstance(sampler, Langevin) and sampler.adjusted else (FULL,)

    def decider(self, kind: str, *, humans: int, threshold: float) -> Decider:
        """Return a new decider with this policy; for the cascade, robots near the last rank of the humans are borderline."""
        return Cascade(self, cascade_config(self, humans, threshold)) if kind == CASCADE else FullDecider(self)

    def with_sampling(
        self, chains: int, iterations: int, sampler: str | None = None, step_sizes: tuple[float, float] | None = None
    ) -> Self:
        """Return the same policy with another sampler or sampling effort; a uniform sampler has no iterations.

        A sampler of the same kind keeps its other options.
        """
        chosen = self.config.sampler if sampler in (None, self.sampler) else SAMPLERS[sampler or ""]()
        sampler_with_effort = with_effort(chosen, iterations, step_sizes)
        return replace(self, config=replace(self.config, chains=chains, sampler=sampler_with_effort))

    def with_uncertainty(self, uncertainty: Uncertainty) -> Self:
        """Return the same policy with another uncertainty."""
        return replace(self, uncertainty=uncertainty)

    def rounded(self) -> Self:
        """Return the same policy with bfloat16 between hidden layers, for inference only; itself without such layers."""
        rounded = self.model.rounded()
        return self if rounded.between == self.model.between else replace(self, model=rounded)

    @property
    def observes(self) -> Stream:
        """Stream that the policy decides from."""
        return self.config.observes

    def features(self, observations_N: NDArray[np.generic]) -> Tensor:
        """Return features of the observations, (E, N, W): the part of the energies that does not depend on actions."""
        observed = self.scaling.states(torch.as_tensor(observations_N, device=self.device).float())
        return self.model.features(encode(self.encoders, observed.expand(self.model.members, *observed.shape)))

    @property
    def device(self) -> torch.device:
        """Device of the model."""
        return self.model.net.weights[0].device

    @torch.no_grad()
    def decide(self, observations_N: NDArray[np.generic], generator: torch.Generator) -> Decision:
        """Sample all members once; return the first member's best actions, and uncertainties from the same samples.

        The uncertainty of a policy with one member is zero.
        """
        features_ENW = self.features(observations_N)
        return self.decision(features_ENW, self.samples(features_ENW, generator))

    def samples(self, features_ENW: Tensor, generator: torch.Generator) -> ActionSamples:
        """Draw actions from all members."""
        drawn = on_device(generator, self.device)
        return self.config.sampler.sample(self.model, features_ENW, self.config.chains, drawn)

    def decision(self, features_ENW: Tensor, samples: ActionSamples) -> Decision:
        """Return the decision for these observations, given actions that were drawn for them."""
        if self.model.members > 1:
            uncertainty_N, error_N = self.uncertainty(member_actions(self.model, features_ENW, samples))
        else:
            uncertainty_N = error_N = torch.zeros(features_ENW.shape[1])
        polish, chosen = self.config.polish, samples.member(0)
        if polish:
            chosen = polish(self.model.member(0), features_ENW[:1], chosen)
        return Decision(
            actions_NA=self.scaling.robot_actions(chosen.best(0)).double().cpu().numpy(),
            uncertainties_N=uncertainty_N.double().cpu().numpy(),
            standard_errors_N=error_N.double().cpu().numpy(),
            diagnostics={"energy": chosen.energies_EBK[0].amin(-1).double().cpu().numpy()},
        )

    def fit(
        self, dataset: Dataset, *, steps: int, seed: int, on_step: OnStep | None = None, resume_path: Path | None = None
    ) -> Fitted[Self]:
        """Train all members on their own bootstraps side by side, and return the trained policy.

        Where the device multiplies bfloat16 natively, counter-examples are drawn with it. Parameters, encoders, and the energies and
        slopes in the loss keep their precision.
        """
        config, state_dim = self.config, self.model.state_dim
        single = self.model.net.weights[0].dtype == torch.float32
        rounds = single and multiplies_bfloat16(self.device)
        pairs = training_batches(dataset, self.scaling, config.augmentation, seed)
        rows = dataset.training_rows(self.model.members, seed)
        net, encoders = self.model.net.trainable(), self.encoders and self.encoders.trainable()
        own, encoded_by = len(net.parameters()), encoders.parameters() if encoders else []
        spectral = SpectralNorm(net) if config.spectral_norm else None

        def loss(batch: Tensor, generator: torch.Generator) -> tuple[Tensor, Mapping[str, Tensor]]:
            observed, actions = pairs(batch, generator)
            drawn = branches(generator, self.model.members, self.device)

            def part_loss(part: slice, parameters: Sequence[Tensor]) -> tuple[Tensor, ...]:
                model = EnergyEnsemble(net.with_parameters(parameters[:own]), state_dim)
                part_encoders = encoders and encoders.with_parameters(parameters[own:])
                states = encode(part_encoders, observed[part])
                return ensemble_loss(model, states, actions[part], config.loss, drawn[part.start], rounded=rounds)

            learned = spectral(net) if spectral else net
            value, contrast_E, penalty_E = member_losses(part_loss, [*learned.parameters(), *encoded_by])
            return value, {"InfoNCE": contrast_E, "gradient penalty": penalty_E}

        optimizer_state, mean_loss = optimize(
            [*net.parameters(), *encoded_by],
            loss,
            rows,
            config.optimizer,
            self.optimizer_state,
            steps=steps,
            seed=seed,
            on_step=on_step,
            resume_path=resume_path,
            identity=lambda: (config, dataset.digest),
            buffers=spectral.vectors if spectral else (),
        )
        learned = folded(net.frozen()) if spectral else net.frozen()
        policy = replace(
            self,
            model=EnergyEnsemble(learned, state_dim),
            optimizer_state=optimizer_state,
            encoders=encoders and encoders.frozen(),
        )
        return Fitted(policy, mean_loss)

    @property
    def member_network(self) -> MemberNetwork:
        """Network of each member; its output is the energy of an action."""
        return MemberNetwork(self.config.encoder, self.config.shape.sizes, sees_actions=True)

    def observed_by_members(self, pairs: Dataset, generator: torch.Generator) -> ObservedPairs:
        """Return the pairs in model space, with uniform actions beside the recorded ones."""
        observed_B, actions_BA = self.scaling.pairs(pairs)
        uniform_BKA = 2 * torch.rand(len(pairs), UNIFORM_ACTIONS, actions_BA.shape[1], generator=generator) - 1
        return ObservedPairs(observed_B, torch.cat([actions_BA[:, None], uniform_BKA], 1))

    def imitation_loss(self, parameters: Parameters, observed: ObservedPairs) -> Tensor:
        """Return InfoNCE of a member with uniform counter-examples, nats, which needs no chains."""
        return info_nce(self.member_network.outputs(parameters, observed)[None, ..., 0])[0]

    def tensors(self) -> dict[str, Tensor]:
        """Return the model's parameters by name."""
        return self.model.net.tensors() | encoder_tensors(self.encoders)

    def with_state(self, tensors: Mapping[str, Tensor], optimizer_state: OptimizerState) -> Self:
        """Return the same policy with other parameters and another optimizer state."""
        return self.from_tensors(self.config, tensors, self.scaling, optimizer_state).with_uncertainty(self.uncertainty)

    @classmethod
    def from_tensors(
        cls, config: ImplicitConfig, tensors: Mapping[str, Tensor], scaling: Scaling, optimizer_state: OptimizerState
    ) -> Self:
        """Return the policy of this config with these parameters."""
        shape = config.shape
        encoders, own = split_tensors(tensors, config.encoder, shape.members)
        model = EnergyEnsemble(perceptrons_from(own, shape.members, shape.sizes), shape.state_dim)
        return cls(config, model, scaling, optimizer_state, encoders)


def with_effort(
    sampler: Langevin | Uniform | DerivativeFree, iterations: int, step_sizes: tuple[float, float] | None
) -> Langevin | Uniform | DerivativeFree:
    """Return the sampler with so many iterations and these first and last step sizes, as far as it has them."""
    if isinstance(sampler, Uniform):
        return sampler
    if isinstance(sampler, Langevin) and step_sizes:
        sampler = replace(sampler, first_step=step_sizes[0], last_step=step_sizes[1])
    return replace(sampler, iterations=iterations)


def new_implicit(config: ImplicitConfig, scaling: Scaling, generator: torch.Generator) -> ImplicitPolicy:
    """Return an untrained policy."""
    encoders = config.encoder.new(config.shape.members, generator) if config.encoder else None
    return ImplicitPolicy(config, new_energy(config.shape, generator), scaling, encoders=encoders)
