"""Deploys a policy in a fleet: decider, sampler, precision and uncertainty as the fleet file chooses them."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from fleet_contract.fleet import Fleet
from fleet_contract.signal import UNCERTAINTY
from fleet_contract.validation import InputError
from fleet_learning.checkpoint import CheckpointMetadata
from fleet_learning.full_decider import FULL
from fleet_learning.policy import Decider, Policy
from fleet_learning.precision import native_precision
from fleet_learning.uncertainty_kinds import require_uncertainty, uncertainty_of

CASCADE = "cascade"
"""Name of the kind of decider that continues from tick to tick."""
CASCADE_ABOVE = 20
"""Number of robots above which the cascade decides by default, also in lockstep."""


def deployed_policy(policy: Policy, fleet: Fleet) -> Policy:
    """Return a policy with the fleet's sampler, precision and uncertainty. Keys that are null keep the policy as it is.

    Raises:
        InputError: the uncertainty does not exist, or is not defined for this policy.
    """
    selection = fleet.policy
    policy = policy.with_sampling(selection.chains, selection.iterations, selection.sampler, selection.step_sizes)
    # A policy has its default already, and may be the only one that can estimate it.
    if selection.uncertainty not in {None, policy.default_uncertainty}:
        require_uncertainty(selection.uncertainty, policy)
        policy = policy.with_uncertainty(uncertainty_of(selection.uncertainty))
    return policy.rounded() if selection.precision == "bfloat16" else policy


def deployed(policy: Policy, fleet: Fleet) -> Decider:
    """Return a new decider with this policy, as the fleet file describes it: the one of nodes, replays and runs in one process.

    In a file of version 0.1.0, which does not name them, the decider is `full` and the precision float32.

    Raises:
        InputError: the fleet asks for something that the policy does not offer.
    """
    policy, kind = deployed_policy(policy, fleet), fleet.policy.decider or FULL
    _require_offered(policy, kind)
    threshold = fleet.allocation.threshold(UNCERTAINTY)
    return policy.decider(
        kind, humans=fleet.supervisors.count, threshold=-math.inf if isinstance(threshold, str) else threshold
    )


def deciders_of(policy: Policy, fleet: Fleet) -> tuple[str, ...]:
    """Return the kinds of deciders for which the fleet's policy is calibrated: all, or the one that the fleet file names."""
    chosen = fleet.policy.decider
    return (chosen,) if chosen else deployed_policy(policy, fleet).deciders


def with_policy(fleet: Fleet, policy: Policy, metadata: CheckpointMetadata, *, source: str) -> Fleet:
    """Return the fleet with decider, sampler, precision, uncertainty and threshold of its checkpoint in place of null and `calibrated`.

    Args:
        fleet: the fleet, with a checkpoint.
        policy: the policy in the checkpoint.
        metadata: what the checkpoint says about it.
        source: name of the fleet file in errors.

    Raises:
        InputError: the policy does not offer what the fleet file asks for, or is not calibrated for it.
    """
    checkpoint = fleet.policy.require_checkpoint()
    try:
        policy = deployed_policy(policy, fleet)
        _require_offered(policy, fleet.policy.decider or FULL)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    uncertainty = fleet.policy.uncertainty or policy.default_uncertainty
    decider = fleet.policy.decider or _default_decider(fleet, policy, metadata, uncertainty)
    selection = {
        "decider": decider,
        "sampler": policy.sampler,
        "precision": fleet.policy.precision or native_precision(policy, torch.device("cpu")),
        "uncertainty": uncertainty,
    }
    allocation = fleet.allocation
    if allocation.threshold(UNCERTAINTY) == "calibrated":
        threshold = _calibrated(checkpoint, metadata, decider, policy.sampler, uncertainty)
        allocation = allocation.with_threshold(UNCERTAINTY, threshold)
    return fleet.with_changes(source=source, policy=selection, allocation=allocation)


def _default_decider(fleet: Fleet, policy: Policy, metadata: CheckpointMetadata, uncertainty: str) -> str:
    """Return the decider of a fleet that does not name one: one that is not calibrated is no default."""
    fast = fleet.tick.mode == "real_time" or fleet.robots.count > CASCADE_ABOVE
    calibrated = (
        fleet.allocation.threshold(UNCERTAINTY) != "calibrated"
        or metadata.threshold(CASCADE, policy.sampler, uncertainty) is not None
    )
    return CASCADE if fast and CASCADE in policy.deciders and calibrated else FULL


def _require_offered(policy: Policy, decider: str) -> None:
    if decider not in policy.deciders:
        sampler = f" with sampler {policy.sampler}" if policy.sampler else ""
        raise InputError(
            f"policy.decider: expected {' or '.join(policy.deciders)} for a policy of kind {policy.config.kind}{sampler}, "
            f"got {decider}."
        )


def _calibrated(
    checkpoint: Path, metadata: CheckpointMetadata, decider: str, sampler: str | None, uncertainty: str
) -> float:
    threshold = metadata.threshold(decider, sampler, uncertainty)
    if threshold is None:
        got = "; ".join(_estimate(*calibration.estimate) for calibration in metadata.calibrations) or "none"
        raise InputError(
            f"{checkpoint}: calibrations: expected one for {_estimate(decider, sampler, uncertainty)}, which ./fleet calibrate adds, "
            f"or a number as allocation.thresholds.uncertainty in the fleet file, got {got}."
        )
    return threshold


def _estimate(decider: str, sampler: str | None, uncertainty: str) -> str:
    return ", ".join([f"decider {decider}", *([f"sampler {sampler}"] if sampler else []), f"uncertainty {uncertainty}"])
