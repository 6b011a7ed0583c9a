"""Checkpoints: safetensors with JSON metadata and a digest of the content; nothing in them is ever executed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from pydantic import create_model
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, StrictModel, validated
from fleet_learning.dataset import Dataset
from fleet_learning.optimization import OptimizerState
from fleet_learning.policy import Policy
from fleet_learning.policy_kinds import policy_class
from fleet_learning.scaling import Scaling

FORMAT = "fleet-policy-1"


class CheckpointMetadata(StrictModel):
    """What a checkpoint says about itself."""

    robot: str
    """Robot type of the contract."""
    contract: str
    """Digest of the contract."""
    policy: Any
    """How the policy is built, decides and learns: the config of its kind, see `Policy.config_type`."""
    threshold: float | None
    """Calibrated uncertainty threshold, in the policy's unit of uncertainty; None if it has not been calibrated."""
    dataset: str
    """Digest of the training data."""
    gradient_steps: int
    """Taken since the beginning."""
    command: str
    """What made it."""
    version: str
    """Of the code that made it."""


def checkpoint_metadata(
    policy: Policy, contract: RobotContract, *, threshold: float | None, dataset: Dataset, command: str
) -> CheckpointMetadata:
    """What the policy's checkpoint is to say."""
    return CheckpointMetadata(
        robot=contract.robot,
        contract=contract.digest,
        policy=policy.config,
        threshold=threshold,
        dataset=dataset.digest,
        gradient_steps=policy.optimizer_state.steps,
        command=command,
        version=version(__package__),
    )


def write_checkpoint(path: Path, policy: Policy, about: CheckpointMetadata) -> str:
    """Write a checkpoint, whole or not at all.

    Returns:
        sha256 of the file, hexadecimal.
    """
    tensors = policy.tensors() | {f"scaling.{name}": tensor for name, tensor in policy.scaling.tensors().items()}
    tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    text = about.model_dump_json()
    metadata = {"format": FORMAT, "about": text, "content": _content_digest(tensors, text)}
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(_repeatable(save(tensors, metadata)))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return file_digest(path)


def file_digest(path: Path) -> str:
    """sha256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_checkpoint(path: Path, contract: RobotContract) -> tuple[Policy, CheckpointMetadata]:
    """The policy at `path`, for robots of this contract.

    Raises:
        BadInput: the file is missing, truncated, changed, no checkpoint of ours, or made for another contract.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such checkpoint.") from None
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path}: found no whole safetensors file ({error}), allowed is a checkpoint of this stack."
        ) from None
    if metadata.get("format") != FORMAT:
        raise InputError(f"{path}: format found {metadata.get('format')!r}, allowed is {FORMAT!r}.")
    text = metadata.get("about", "")
    about = _about(_parsed(text), source=f"{path} (about)")
    other_types = any(tensor.dtype != torch.float32 for tensor in tensors.values())
    if other_types or metadata.get("content") != _content_digest(tensors, text):
        raise InputError(f"{path}: content found differs from its digest, allowed is the file as it was written.")
    found = about.policy.observed_shape, about.policy.action_dim
    allowed = contract.observed_shape(about.policy.observes), contract.action_dim
    if found != allowed:
        raise InputError(
            f"{path}: dimensions found {_by(found[0])} observation and {found[1]} action values, "
            f"allowed are {_by(allowed[0])} and {allowed[1]} (robot {contract.robot})."
        )
    contract.require_same(about.contract, owner=str(path))
    try:
        return _built(about, tensors), about
    except (KeyError, ValueError):
        raise InputError(
            f"{path}: tensors found are not those of the shape it names, allowed are these alone."
        ) from None


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _about(found: Any, *, source: str) -> CheckpointMetadata:
    """What a checkpoint says about itself, with the config of its kind of policy."""
    policy = found.get("policy") if isinstance(found, dict) else None
    if not isinstance(policy, dict):
        return validated(found, CheckpointMetadata, source=source)
    try:
        config_type = policy_class(policy.get("kind")).config_type
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    with_config = create_model("CheckpointMetadata", __base__=CheckpointMetadata, policy=(config_type, ...))
    return CheckpointMetadata(**dict(validated(found, with_config, source=source)))


def _built(about: CheckpointMetadata, tensors: dict[str, Tensor]) -> Policy:
    scaling = Scaling(**{name: tensors.pop(f"scaling.{name}") for name in Scaling.__dataclass_fields__})
    return policy_class(about.policy.kind).from_tensors(
        about.policy, tensors, scaling, OptimizerState(about.gradient_steps)
    )


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None


def _repeatable(content: bytes) -> bytes:
    """The same safetensors file with its header in order: safetensors shuffles the metadata from run to run."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[end:]


def _content_digest(tensors: Mapping[str, Tensor], about: str) -> str:
    """Of what the file says about itself as it stands there: a later version of the code may know more options."""
    content = hashlib.sha256(about.encode())
    for name in sorted(tensors):
        content.update(name.encode())
        content.update(tensors[name].contiguous().numpy().tobytes())
    return content.hexdigest()
