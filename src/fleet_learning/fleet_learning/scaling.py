"""Conversion between the robot's units and model space.

S state dim, or channels of images; A action dim.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fleet_contract.robot import RobotContract
from fleet_learning.dataset import Dataset


@dataclass(frozen=True)
class Scaling:
    """Normalises observations by the training data's statistics, and actions by the robot's range."""

    state_mean_S: Tensor
    state_std_S: Tensor
    action_low_A: Tensor
    action_high_A: Tensor

    def states(self, states: Tensor, out: Tensor | None = None) -> Tensor:
        """Convert states or images (..., S) from the robot's units to model space; `out` may be the states themselves."""
        return torch.sub(states, self.state_mean_S, out=out).div_(self.state_std_S)

    def actions(self, actions: Tensor) -> Tensor:
        """Convert actions (..., A) from the robot's units to model space, where the range is [-1, 1]."""
        return (actions - self._middle) / self._half

    def pairs(self, dataset: Dataset) -> tuple[Tensor, Tensor]:
        """Return states (B, S) and actions (B, A) of a dataset in model space; actions are clipped to the range."""
        return self.states(self._on_device(dataset.observations_B)), self.dataset_actions(dataset)

    def dataset_actions(self, dataset: Dataset) -> Tensor:
        """Return actions (B, A) of a dataset in model space, clipped to the range."""
        return self.actions(self._on_device(dataset.actions_BA)).clamp(-1, 1)

    def _on_device(self, array: NDArray[np.generic]) -> Tensor:
        return torch.as_tensor(array, device=self.state_mean_S.device)

    def to(self, device: torch.device) -> Scaling:
        """Return the same scaling on another device."""
        return Scaling(**{name: tensor.to(device) for name, tensor in self.tensors().items()})

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def robot_actions(self, actions: Tensor) -> Tensor:
        """Convert actions (..., A) from model space to the robot's units, never outside its range."""
        # In single precision a bound may have been rounded outwards: the next number inwards is safe.
        low, high = self.action_low_A, self.action_high_A
        return torch.clamp(self._middle + actions * self._half, low.nextafter(high), high.nextafter(low))

    @property
    def _middle(self) -> Tensor:
        return (self.action_high_A + self.action_low_A) / 2

    @property
    def _half(self) -> Tensor:
        return (self.action_high_A - self.action_low_A) / 2


def scaling_by(mean_S: Tensor, std_S: Tensor, action_low_A: Tensor, action_high_A: Tensor) -> Scaling:
    """Return the scaling by mean and standard deviation; a dimension that does not vary is only centred."""
    return Scaling(mean_S, torch.where(std_S > 1e-6, std_S, torch.ones_like(std_S)), action_low_A, action_high_A)


def fit_scaling(observations_B: Tensor, action_low_A: Tensor, action_high_A: Tensor) -> Scaling:
    """Return the scaling by the data's mean and standard deviation."""
    values_XS = observations_B.flatten(0, -2).float()
    return scaling_by(values_XS.mean(0), values_XS.std(0, correction=0), action_low_A, action_high_A)


def data_range(actions_BA: Tensor, low_A: Tensor, high_A: Tensor) -> tuple[Tensor, Tensor]:
    """Return the range of three standard deviations around the mean action, within low and high: (A,) each.

    Where demonstrated actions fill only a small part of the robot's range, energies over this narrower range resolve more, and
    samplers search less. A policy with this range never acts outside of it.
    """
    mean, spread = actions_BA.mean(0), 3 * actions_BA.std(0, correction=0).clamp(min=1e-6)
    return torch.maximum(mean - spread, low_A), torch.minimum(mean + spread, high_A)


def contract_range(contract: RobotContract) -> tuple[Tensor, Tensor]:
    """Return the robot's range of actions, (A,) each."""
    low_A, high_A = (
        torch.as_tensor(bound, dtype=torch.float32) for bound in (contract.action_low_A, contract.action_high_A)
    )
    return low_A, high_A


def contract_scaling(contract: RobotContract, dataset: Dataset) -> Scaling:
    """Return the scaling by the offline data and the robot's range of actions."""
    return fit_scaling(torch.from_numpy(dataset.observations_B), *contract_range(contract))
