"""The calibration of uncertainty thresholds, by a run without teleoperation or on recorded observations.

N robots, T ticks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from fleet_allocator.threshold import calibrated_threshold
from fleet_contract.fleet import AllocationConfig, Fleet
from fleet_learning.checkpoint import Calibration
from fleet_learning.full_decider import FULL
from fleet_learning.policy import Decider, Policy
from fleet_learning.randomness import torch_generator
from fleet_training.algorithms import RESETS_ONLY
from fleet_training.fleet_loop import FleetLoop
from fleet_training.learning_setup import LearningSetup
from sim_bridge.environment import Environment
from teleop_gui.supervisor import Supervisor

MAX_OBSERVATIONS = 100
"""Largest number of recorded observations on which a policy is calibrated, or evaluated in an offline training."""


def run_without_teleoperation(
    environment: Environment,
    supervisors: Mapping[str, Supervisor],
    decider: Decider,
    allocation: AllocationConfig,
    *,
    ticks: int,
    seed: int,
    advance: Callable[[], None] = lambda: None,
) -> NDArray[np.float64]:
    """Return uncertainties (T, N) of a policy while humans give hard resets only (IIFL section 7.3.1), in the policy's unit.

    Not a number where a robot was in violation: the paper counts these too, but a robot that waits for its hard reset stays
    where it is unsure, and a few such robots would set the threshold for all.
    """
    loop = FleetLoop(environment, supervisors, decider, resets_only(allocation), seed)
    uncertainties = []
    for _ in range(ticks):
        tick = loop.tick()
        uncertainties.append(np.where(tick.violated_N, np.nan, tick.uncertainties_N))
        advance()
    return np.stack(uncertainties)


def resets_only(allocation: AllocationConfig) -> AllocationConfig:
    """Return the allocation in which humans give hard resets only."""
    changes = {"rule": "priority", "order": RESETS_ONLY, "thresholds": {}, "options": {}, "idle_humans": True}
    return allocation.model_copy(update=changes)


def simulated_calibration(
    setup: LearningSetup, policy: Policy, kind: str, *, seed: int, advance: Callable[[], None] = lambda: None
) -> Calibration:
    """Calibrate a kind of decider by a simulated run of the fleet without teleoperation; `advance` is called after every tick."""
    fleet = setup.fleet
    with closing(setup.make_environment(setup.demonstration_task, fleet.robots.count)) as environment:
        uncertainties_TN = run_without_teleoperation(
            environment,
            setup.make_supervisors(seed),
            policy.decider(kind, humans=fleet.supervisors.count, threshold=-math.inf),
            fleet.allocation,
            ticks=fleet.pretraining.calibration_ticks,
            seed=seed,
            advance=advance,
        )
    return calibration_of(fleet, policy, kind, uncertainties_TN)


def recorded_calibration(
    fleet: Fleet, policy: Policy, observations_N: NDArray[np.generic], *, seed: int
) -> Calibration:
    """Calibrate the full decider on up to `MAX_OBSERVATIONS` observations at which a policy drove."""
    chosen = sampled_rows(len(observations_N), seed)
    decision = policy.decide(observations_N[chosen], torch_generator(seed))
    return calibration_of(fleet, policy, FULL, decision.uncertainties_N[None])


def calibration_of(fleet: Fleet, policy: Policy, kind: str, uncertainties_TN: NDArray[np.float64]) -> Calibration:
    """Return the calibration by the fleet's percentile of these uncertainties."""
    threshold = calibrated_threshold(uncertainties_TN, fleet.pretraining.calibration_percentile)
    return fixed_calibration(fleet, policy, kind, threshold)


def fixed_calibration(fleet: Fleet, policy: Policy, kind: str, threshold: float) -> Calibration:
    """Return the calibration of a threshold that is known."""
    return Calibration(
        decider=kind,
        sampler=policy.sampler,
        uncertainty=fleet.policy.uncertainty or policy.default_uncertainty,
        threshold=threshold,
    )


def sampled_rows(count: int, seed: int) -> NDArray[np.int64]:
    """Draw up to `MAX_OBSERVATIONS` of `count` rows, in ascending order."""
    return np.sort(np.random.default_rng(seed).permutation(count)[:MAX_OBSERVATIONS])
