"""The risk critic as a provider of the signal `risk`, and its checkpoints.

n robots, S state dim, A action dim.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from typing_extensions import override

from fleet_contract.fleet import Fleet, SignalSelection
from fleet_contract.robot import RobotContract, Stream
from fleet_contract.signal import RISK
from fleet_contract.validation import InputError, StrictModel, validated
from fleet_learning.optimization import OptimizerState
from fleet_learning.scaling import Scaling
from fleet_learning.signal_provider import SignalDescription, SignalProvider, Snapshot
from fleet_learning.tensor_file import parsed, read_tensors, write_tensors
from iifl_policy.risk import Critic, RiskConfig, RiskCritic, new_critic

FORMAT = "fleet-critic-1"
"""Format name and version, in the header of every critic's checkpoint."""


class CriticMetadata(StrictModel):
    """Describes the critic in a checkpoint."""

    robot: str
    """Robot type of the contract."""
    contract: str
    """Digest of the contract."""
    config: RiskConfig
    threshold: float = Field(default=0.5, ge=0, lt=1)
    """Predicted risk, 0 to 1, above which a robot asks for help."""
    gradient_steps: int = Field(ge=0)


@dataclass(frozen=True)
class RiskSignal(SignalProvider):
    """Predicts the risk of the actions that the policy proposes."""

    critic: Critic
    threshold: float = 0.5

    @property
    @override
    def observes(self) -> Stream:
        return "state"

    @property
    @override
    def signals(self) -> tuple[SignalDescription, ...]:
        return (SignalDescription(RISK, "1", self.threshold),)

    @classmethod
    @override
    def read(cls, selection: SignalSelection, options: StrictModel, fleet: Fleet) -> Self:
        if selection.checkpoint is None:
            raise InputError("signals.checkpoint: expected the file of a critic, got null.")
        critic, metadata = read_critic(selection.checkpoint, fleet.contract())
        return cls(critic, metadata.threshold)

    @override
    def values(self, snapshot: Snapshot) -> Mapping[str, NDArray[np.float64]]:
        return {RISK: self.critic.risks(snapshot.observations_n.astype(np.float64), snapshot.actions_nA)}


def write_critic(path: Path, critic: RiskCritic, contract: RobotContract, *, threshold: float = 0.5) -> None:
    """Write a critic's checkpoint, whole or not at all."""
    metadata = CriticMetadata(
        robot=contract.robot,
        contract=contract.digest,
        config=critic.config,
        threshold=threshold,
        gradient_steps=critic.optimizer_state.steps,
    )
    tensors = critic.tensors() | {f"scaling.{name}": tensor for name, tensor in critic.scaling.tensors().items()}
    write_tensors(path, tensors, metadata.model_dump_json(), kind=FORMAT)


def read_critic(path: Path, contract: RobotContract) -> tuple[RiskCritic, CriticMetadata]:
    """Read a critic and its metadata.

    Raises:
        InputError: the file is missing, truncated, modified or no critic's checkpoint, or was made for another contract.
    """
    tensors, about = read_tensors(path, kind=FORMAT)
    content = parsed(about)
    metadata = validated(content, CriticMetadata, source=f"{path} (about)")
    contract.require_same(metadata.contract, owner=str(path))
    try:
        scaling = Scaling(**{name: tensors.pop(f"scaling.{name}") for name in Scaling.__dataclass_fields__})
        untrained = new_critic(metadata.config, scaling, torch.Generator())
        return untrained.with_state(tensors, OptimizerState(metadata.gradient_steps)), metadata
    except (KeyError, ValueError):
        raise InputError(f"{path}: expected the tensors of the critic's config, got others.") from None
