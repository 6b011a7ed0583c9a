"""Estimates the memory that a run takes, before it starts."""

from __future__ import annotations

import math

from fleet_training.learning_setup import LearningSetup

BASE_BYTES = 600 * 2**20
"""Memory of the interpreter, its libraries and their threads, bytes."""
TRAINING_COPIES, DECIDING_COPIES, STORING_COPIES = 3, 15, 2
"""Number of simultaneous arrays of the size of all hidden layers of a step's candidates, of all actions of a decision, and of all
decisions and pairs. The first two are from peaks of processes with 10,000 to 70,000 candidates and up to 4,000 robots."""


def run_bytes(setup: LearningSetup) -> int:
    """Return an estimate of a run's peak memory, bytes, correct to a factor of two.

    Encoders are not counted, and explicit policies are counted as implicit ones.
    """
    fleet, implicit, contract = setup.fleet, setup.implicit, setup.contract
    robots, humans, shape = fleet.robots.count, fleet.supervisors.count, implicit.shape
    candidates = shape.members * implicit.optimizer.batch_size * (1 + implicit.loss.counter_examples)
    training = 4 * TRAINING_COPIES * candidates * shape.width * shape.depth
    deciding = 4 * DECIDING_COPIES * shape.members * robots * implicit.chains * contract.action_dim
    decisions = 8 * setup.ticks * robots * (contract.action_dim + 1)
    observed = math.prod(contract.observed_shape(fleet.pretraining.observes))
    demonstrations = setup.demonstrated_episodes or fleet.pretraining.pairs
    pairs = 4 * (demonstrations + humans * setup.ticks) * (observed + contract.action_dim)
    return BASE_BYTES + training + deciding + STORING_COPIES * (decisions + pairs)
