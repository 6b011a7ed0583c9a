"""Checkpoints: safetensors files with JSON metadata and a content digest; reading one never executes code."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import create_model
from torch import Tensor

from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, StrictModel, validated
from fleet_learning.dataset import Dataset
from fleet_learning.full_decider import FULL
from fleet_learning.optimization import OptimizerState
from fleet_learning.policy import Policy
from fleet_learning.policy_kinds import policy_class
from fleet_learning.scaling import Scaling
from fleet_learning.tensor_file import parsed, read_tensors, write_tensors

FORMAT = "fleet-policy-1"
"""Format name and version, in the header of every checkpoint."""


class Calibration(StrictModel):
    """An uncertainty threshold, and how the uncertainties were estimated from which it comes."""

    decider: str
    """Kind of decider."""
    sampler: str | None
    """Name of the sampler; None if the policy does not sample."""
    uncertainty: str
    """Name of the uncertainty."""
    threshold: float
    """Threshold, in the unit of the uncertainty."""

    @property
    def estimate(self) -> tuple[str, str | None, str]:
        """What uncertainties must have in common with those of the calibration: decider, sampler and uncertainty."""
        return self.decider, self.sampler, self.uncertainty


class CheckpointMetadata(StrictModel):
    """Describes the policy in a checkpoint."""

    robot: str
    """Robot type of the contract."""
    contract: str
    """Digest of the contract."""
    policy: Any
    """The policy's config, an instance of its kind's `Policy.config_type`."""
    calibrations: tuple[Calibration, ...]
    """Calibrated uncertainty thresholds; none if the policy has not been calibrated."""
    dataset: str
    """Digest of the training data."""
    gradient_steps: int
    """Gradient steps that the policy has taken in all its trainings."""
    command: str
    """Command that made the checkpoint."""
    version: str
    """Version of the code that made the checkpoint."""

    def threshold(self, decider: str, sampler: str | None, uncertainty: str) -> float | None:
        """Return the threshold that was calibrated for this decider, sampler and uncertainty, or None."""
        thresholds = {calibration.estimate: calibration.threshold for calibration in self.calibrations}
        return thresholds.get((decider, sampler, uncertainty))


def checkpoint_metadata(
    policy: Policy, contract: RobotContract, *, calibrations: tuple[Calibration, ...], dataset: Dataset, command: str
) -> CheckpointMetadata:
    """Return the metadata of a policy's checkpoint."""
    return CheckpointMetadata(
        robot=contract.robot,
        contract=contract.digest,
        policy=policy.config,
        calibrations=calibrations,
        dataset=dataset.digest,
        gradient_steps=policy.optimizer_state.steps,
        command=command,
        version=version(__package__),
    )


def write_checkpoint(path: Path, policy: Policy, metadata: CheckpointMetadata) -> str:
    """Write a checkpoint, whole or not at all.

    Returns:
        sha256 of the file, hexadecimal.
    """
    tensors = policy.tensors() | {f"scaling.{name}": tensor for name, tensor in policy.scaling.tensors().items()}
    return write_tensors(path, tensors, metadata.model_dump_json(), kind=FORMAT)


def read_checkpoint(
    path: Path, contract: RobotContract, *, digest: str | None = None
) -> tuple[Policy, CheckpointMetadata]:
    """Read a policy and its metadata.

    Args:
        path: the checkpoint.
        contract: contract of the robots that the policy is to drive.
        digest: expected sha256 of the file, hexadecimal; None accepts any.

    Raises:
        InputError: the file is missing, truncated, modified or no checkpoint, has another digest, or was made for another
            contract.
    """
    tensors, text = read_tensors(path, kind=FORMAT, digest=digest)
    metadata = _validated_metadata(parsed(text), source=f"{path} (about)")
    found = metadata.policy.observed_shape, metadata.policy.action_dim
    expected = contract.observed_shape(metadata.policy.observes), contract.action_dim
    if found != expected:
        raise InputError(
            f"{path}: expected {_dimensions(expected[0])} observation and {expected[1]} action values "
            f"(robot {contract.robot}), got {_dimensions(found[0])} and {found[1]}."
        )
    contract.require_same(metadata.contract, owner=str(path))
    try:
        return _policy(metadata, tensors), metadata
    except (KeyError, ValueError):
        raise InputError(f"{path}: expected the tensors of the policy's config, got others.") from None


def _dimensions(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _validated_metadata(found: Any, *, source: str) -> CheckpointMetadata:
    """Return metadata whose config is validated by the policy's kind."""
    policy = found.get("policy") if isinstance(found, dict) else None
    if not isinstance(policy, dict):
        return validated(found, CheckpointMetadata, source=source)
    try:
        kind = policy_class(policy.get("kind"))
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    with_config = create_model(
        "CheckpointMetadata",
        __base__=CheckpointMetadata,
        # Their source would be looked for in all modules.
        __cls_kwargs__={"use_attribute_docstrings": False},
        policy=(kind.config_type, ...),
    )
    return CheckpointMetadata(**dict(validated(_with_calibrations(found, kind), with_config, source=source)))


def _with_calibrations(found: dict[str, Any], kind: type[Policy]) -> dict[str, Any]:
    """Return metadata with its calibrations: version 0.1.0 stored the threshold of the full decider as a number or null."""
    if "threshold" not in found or "calibrations" in found:
        return found
    sampler = found["policy"].get("sampler")
    estimate = {
        "decider": FULL,
        "sampler": sampler.get("kind") if isinstance(sampler, dict) else None,
        "uncertainty": kind.default_uncertainty,
    }
    rest, threshold = {key: value for key, value in found.items() if key != "threshold"}, found["threshold"]
    return rest | {"calibrations": () if threshold is None else ({**estimate, "threshold": threshold},)}


def _policy(metadata: CheckpointMetadata, tensors: dict[str, Tensor]) -> Policy:
    scaling = Scaling(**{name: tensors.pop(f"scaling.{name}") for name in Scaling.__dataclass_fields__})
    return policy_class(metadata.policy.kind).from_tensors(
        metadata.policy, tensors, scaling, OptimizerState(metadata.gradient_steps)
    )
