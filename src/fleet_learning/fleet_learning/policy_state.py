"""What a policy has learned, as named tensors that a resume file holds beside others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor

from fleet_learning.optimization import OptimizerState
from fleet_learning.policy import Policy

P = TypeVar("P", bound=Policy)


def state_tensors(policy: Policy, prefix: str = "") -> dict[str, Tensor]:
    """Return copies of the policy's parameters and optimizer state by name.

    Copies, because one file may hold the same policy under two prefixes, and safetensors refuses tensors that share memory.

    Args:
        policy: a policy.
        prefix: what every name begins with, such as "best.".
    """
    state = policy.optimizer_state
    return {
        f"{prefix}steps": torch.tensor(state.steps),
        **{f"{prefix}parameters.{name}": tensor.clone() for name, tensor in policy.tensors().items()},
        **{f"{prefix}moments.{name}": tensor.clone() for name, tensor in state.moments.items()},
    }


def policy_from_state(untrained: P, tensors: Mapping[str, Tensor], prefix: str = "") -> P:
    """Return the policy whose state `state_tensors` wrote.

    Args:
        untrained: a policy of the same config and scaling.
        tensors: what `state_tensors` returned, and possibly others.
        prefix: the one that `state_tensors` was called with.

    Raises:
        KeyError: a tensor is missing.
        ValueError: the tensors are not those of the policy's config.
    """
    parameters, moments = (_part(tensors, f"{prefix}{part}.") for part in ("parameters", "moments"))
    return untrained.with_state(parameters, OptimizerState(int(tensors[f"{prefix}steps"]), moments))


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
