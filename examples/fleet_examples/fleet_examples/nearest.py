"""A policy: the mean action of the nearest demonstrations. B pairs, N robots, K neighbours, S state dim, A action dim."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from fleet_learning.optimization import OptimizerState
from fleet_learning.plain_policy import PlainPolicy
from fleet_learning.policy import Decision, Fitted
from fleet_learning.scaling import Scaling
from fleet_learning.uncertainty import OwnUncertainty


@dataclass(frozen=True)
class NearestConfig:
    """What a checkpoint says of the policy; `kind` is the name of the entry point."""

    observed_shape: tuple[int]
    action_dim: int
    neighbours: int = 3
    kind: Literal["nearest"] = "nearest"
    observes: Literal["state"] = "state"


@dataclass(frozen=True)
class Nearest(PlainPolicy):
    """Acts like the nearest demonstrations; the uncertainty is their mean distance in scaled states."""

    config: NearestConfig
    scaling: Scaling
    states_BS: torch.Tensor
    actions_BA: torch.Tensor
    optimizer_state: OptimizerState = OptimizerState()
    config_type, default_uncertainty, uncertainty = NearestConfig, "distance", OwnUncertainty(unit="1")

    def decide(self, observations_N, generator):
        states_NS = self.scaling.states(torch.as_tensor(observations_N).float())
        distances_NK, rows_NK = torch.cdist(states_NS, self.states_BS).topk(self.config.neighbours, largest=False)
        actions_NA = self.scaling.robot_actions(self.actions_BA[rows_NK].mean(1)).double().numpy()
        return Decision(actions_NA, distances_NK.mean(1).double().numpy(), np.zeros(len(states_NS)))

    def fit(self, dataset, *, steps, seed, on_step=None, resume_path=None):
        if len(dataset) < self.config.neighbours:
            raise ValueError(f"dataset: expected {self.config.neighbours} pairs or more, got {len(dataset)}")
        tensors = dict(zip(("states", "actions"), self.scaling.pairs(dataset), strict=True))
        return Fitted(self.with_state(tensors, OptimizerState(self.optimizer_state.steps + steps)), loss=0.0)

    def tensors(self):
        return {"states": self.states_BS, "actions": self.actions_BA}

    def with_state(self, tensors, optimizer_state):
        return self.from_tensors(self.config, tensors, self.scaling, optimizer_state)

    @classmethod
    def from_tensors(cls, config, tensors, scaling, optimizer_state):
        return cls(config, scaling, tensors["states"], tensors["actions"], optimizer_state)
