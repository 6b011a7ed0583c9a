"""Calibrates the thresholds of a fleet's policy again, for the decider, sampler and uncertainty that the fleet file names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.progress import track

from fleet_contract.fleet import read_fleet
from fleet_contract.validation import InputError
from fleet_learning.checkpoint import Calibration, read_checkpoint, write_checkpoint
from fleet_learning.deployment import deciders_of, deployed_policy
from fleet_learning.policy import Policy
from fleet_training.calibration import recorded_calibration, simulated_calibration
from fleet_training.learning_setup import learning_setup
from fleet_training.offline_training import read_training_data
from sim_bridge.backends import simulated_backends


def recalibrate(fleet_file: Path, sets: Sequence[Path], *, seed: int) -> None:
    """Replace the checkpoint that the fleet file names by one with the same weights, the fleet's sampler, and calibrated thresholds.

    Every decider that the policy offers is calibrated, or only the one that the fleet file names. Calibrations for other samplers and
    uncertainties are kept.

    Args:
        fleet_file: the fleet file.
        sets: datasets of recorded runs, on whose observations the full decider is calibrated; none: a simulated run calibrates.
        seed: seed of the simulation and the sampling.

    Raises:
        InputError: something cannot be used, or there is no simulation of the robots and no dataset.
    """
    fleet = read_fleet(fleet_file)
    backend = fleet.environment.backend
    if backend not in simulated_backends() and not sets:
        raise InputError(
            f"{fleet_file}: environment.backend: expected a simulation, or datasets of recorded runs beside the option "
            f"--fleet, got {backend}."
        )
    checkpoint, contract = fleet.policy.require_checkpoint(), fleet.contract()
    stored, metadata = read_checkpoint(checkpoint, contract)
    policy = deployed_policy(stored, fleet.with_changes(source=str(fleet_file), policy={"precision": None}))
    if sets:
        visited_N = read_training_data(sets, contract, policy.observes, seed).visited
        new = [recorded_calibration(fleet, policy, visited_N, seed=seed)]
    else:
        setup = learning_setup(fleet, ticks=0)
        kinds = track(deciders_of(stored, fleet), "calibration")
        new = [simulated_calibration(setup, policy, kind, seed=seed) for kind in kinds]
    estimates = {calibration.estimate for calibration in new}
    kept = [calibration for calibration in metadata.calibrations if calibration.estimate not in estimates]
    source, trained_by = "DATASET " if sets else "", metadata.command.split("; ")[0]
    command = f"{trained_by}; fleet calibrate {source}--fleet {fleet.fleet} --seed {seed}"
    write_checkpoint(
        checkpoint,
        policy,
        metadata.model_copy(update={"policy": policy.config, "calibrations": (*new, *kept), "command": command}),
    )
    print(f"{checkpoint}: {thresholds_text(new, policy)}")


def thresholds_text(calibrations: Sequence[Calibration], policy: Policy) -> str:
    """Return the thresholds of a policy for a person."""
    unit = policy.uncertainty.unit
    return ", ".join(
        f"threshold ({calibration.decider}) {calibration.threshold:.3f} {unit}" for calibration in calibrations
    )
