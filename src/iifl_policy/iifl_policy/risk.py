"""Risk of constraint violation, and the critic that learns it.

N robots, E perceptrons, B transitions, S state dim, A action dim, I inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from typing_extensions import override

from fleet_learning.dataset import Dataset
from fleet_learning.optimization import OnStep, OptimizerConfig, OptimizerState, optimize
from fleet_learning.perceptron import Perceptrons, new_perceptrons, perceptrons_from
from fleet_learning.scaling import Scaling
from fleet_learning.transitions import Transitions

TWINS = 2
"""Number of perceptrons of a critic."""


class Critic(Protocol):
    """Predicts constraint violation."""

    def risks(self, states_NS: NDArray[np.float64], actions_NA: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return risks (N,), 0 to 1, of robots that take these actions at these states and then follow the policy."""


@dataclass(frozen=True)
class RiskConfig:
    """Config of a risk critic; sizes and discount are the IFL benchmark's."""

    state_dim: int
    action_dim: int
    width: int = 256
    depth: int = 2
    """Number of hidden layers."""
    discount: float = 0.5
    """Factor on the risk of a violation per action before it: a certain violation at the n-th action is a risk of
    discount ** (n - 1). With 0.5 that is 1, 0.5, 0.25 ..., a horizon of 1 / (1 - discount) = 2 actions. Choose it together
    with `AllocationConfig.risk_threshold` t, which such a risk exceeds for n < 1 + log t / log discount: where both are 0.5,
    only for n = 1. Recovery RL uses 0.5 to 0.85, depending on the task, with thresholds below 0.5."""
    target_rate: float = 0.005
    """Weight of the learned parameters in the target's, per step (Polyak averaging); 1 copies them. Risk propagates one action
    back in about 1 / target_rate steps: 200, against 5,000 in the IFL benchmark."""
    optimizer: OptimizerConfig = OptimizerConfig(learning_rate=3e-4, decay=1.0)

    @property
    def sizes(self) -> list[int]:
        """Number of inputs, hidden widths, number of outputs."""
        return [self.state_dim + self.action_dim, *[self.width] * self.depth, 1]


@dataclass(frozen=True)
class RiskCritic(Critic):
    """Q_risk(s, a), the discounted probability of constraint violation (Recovery RL, Thananjeyan et al. 2021).

    Two perceptrons learn it, and the larger prediction is used, so that errors are rather on the safe side.
    """

    config: RiskConfig
    net: Perceptrons
    target: Perceptrons
    """Follows `net` slowly; its predictions are the targets of the training."""
    scaling: Scaling
    optimizer_state: OptimizerState = OptimizerState()

    @torch.no_grad()
    @override
    def risks(self, states_NS: NDArray[np.float64], actions_NA: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return risks (N,), 0 to 1, of robots that take these actions at these states and then follow the policy.

        Args:
            states_NS: observations of robots that are not in violation, in the robot's units.
            actions_NA: in the robot's units.
        """
        risks_N = _risks(self.net, self._inputs(_pairs(states_NS, actions_NA)))
        return risks_N.double().cpu().numpy()

    def fit(
        self,
        transitions: Transitions,
        next_actions_BA: NDArray[np.floating],
        *,
        steps: int,
        seed: int,
        on_step: OnStep | None = None,
        resume_path: Path | None = None,
    ) -> tuple[RiskCritic, float]:
        """Train further and return the trained critic; this one does not change.

        For every transition, cross-entropy pulls both perceptrons towards v' + discount * (1 - v') * Q_target(s', pi(s')),
        with v' = 1 where the step led into violation; Q_target is the target's larger prediction, and 0 where the episode
        ended. The risk is therefore that of violation before the end of the episode.

        Args:
            transitions: all transitions, of policy and humans.
            next_actions_BA: actions at the next states of the policy whose risk is learned, in the robot's units. Rows of
                steps that ended the episode or led into violation are not used.
            steps: number of gradient steps.
            seed: seed of the batches.
            on_step: called after every step.
            resume_path: file from which an interrupted training resumes; it is removed when the training is complete.

        Returns:
            The trained critic, and the mean cross-entropy of the last tenth of the steps, nats; it does not fall to zero
            where violation is random.

        Raises:
            InputError: `resume_path` belongs to another training.
            ValueError: there are no transitions, or the next actions have another shape.
        """
        if not len(transitions):
            raise ValueError("transitions: expected at least one, got none")
        if next_actions_BA.shape != transitions.actions_BA.shape:
            raise ValueError(
                f"next_actions_BA: expected shape {transitions.actions_BA.shape}, got {next_actions_BA.shape}"
            )
        config, net, target = self.config, self.net.trainable(), self.target.frozen()
        following = _pairs(transitions.next_states_BS, next_actions_BA)
        next_inputs_BI = self._inputs(following)
        inputs_BI = self._inputs(_pairs(transitions.states_BS, transitions.actions_BA))
        violated_B = torch.as_tensor(transitions.violated_B, dtype=torch.float32, device=inputs_BI.device)
        last_B = torch.as_tensor(transitions.violated_B | transitions.episode_over_B, device=inputs_BI.device)

        def loss(batch: Tensor, _: torch.Generator) -> tuple[Tensor, Mapping[str, Tensor]]:
            rows = batch[0]
            with torch.no_grad():
                for slow, fast in zip(target.parameters(), net.parameters(), strict=True):
                    slow.lerp_(fast, config.target_rate)
                later = config.discount * _risks(target, next_inputs_BI[rows])
                goals = torch.where(last_B[rows], violated_B[rows], later).expand(TWINS, -1)
            logits = _logits(net, inputs_BI[rows])
            entropy_E = binary_cross_entropy_with_logits(logits, goals, reduction="none").mean(1)
            return entropy_E.sum(), {"cross-entropy": entropy_E.detach()}

        optimizer_state, mean_loss = optimize(
            net.parameters(),
            loss,
            [np.arange(len(transitions))],
            config.optimizer,
            self.optimizer_state,
            steps=steps,
            seed=seed,
            on_step=on_step,
            resume_path=resume_path,
            identity=lambda: (config, transitions.digest, following.digest),
            buffers=target.parameters(),
        )
        return replace(self, net=net.frozen(), target=target, optimizer_state=optimizer_state), mean_loss

    def tensors(self) -> dict[str, Tensor]:
        """Return the parameters of `net` and `target` by name."""
        nets = {"net": self.net, "target": self.target}
        return {f"{part}.{name}": tensor for part, net in nets.items() for name, tensor in net.tensors().items()}

    def with_state(self, tensors: Mapping[str, Tensor], optimizer_state: OptimizerState) -> RiskCritic:
        """Return the same critic with other parameters and another optimizer state.

        Raises:
            KeyError: a tensor is missing.
            ValueError: the tensors are not those that the config describes.
        """
        net, target = (
            perceptrons_from(
                {name.removeprefix(part): tensors[name] for name in tensors if name.startswith(part)},
                TWINS,
                self.config.sizes,
            )
            for part in ("net.", "target.")
        )
        return replace(self, net=net, target=target, optimizer_state=optimizer_state)

    def _inputs(self, pairs: Dataset) -> Tensor:
        """Return the inputs (B, I) in model space."""
        return torch.cat(self.scaling.pairs(pairs), -1)


def new_critic(config: RiskConfig, scaling: Scaling, generator: torch.Generator) -> RiskCritic:
    """Return an untrained critic."""
    net = new_perceptrons(TWINS, config.sizes, generator)
    return RiskCritic(config, net, net.frozen(), scaling)


def _pairs(states_BS: NDArray[np.floating], actions_BA: NDArray[np.floating]) -> Dataset:
    return Dataset(states_BS.astype(np.float32), actions_BA.astype(np.float32))


def _logits(net: Perceptrons, inputs_BI: Tensor) -> Tensor:
    """Return logits (E, B)."""
    return net(inputs_BI.expand(net.members, *inputs_BI.shape)).squeeze(-1)


def _risks(net: Perceptrons, inputs_BI: Tensor) -> Tensor:
    """Return the larger of the predictions, (B,)."""
    return torch.sigmoid(_logits(net, inputs_BI).amax(0))
