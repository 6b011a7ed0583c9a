"""How much memory a run takes, told before it begins."""

from __future__ import annotations

import math

from fleet_training.setting import Setting

BASE_BYTES = 600 * 2**20
"""The interpreter with its libraries, and what their threads keep."""
TRAINING_COPIES, DECIDING_COPIES, KEEPING_COPIES = 3, 15, 2
"""Arrays at once that are as large as: all hidden layers of a step's candidates; all actions that a decision is made from; all
decisions and pairs. The first two were measured, by the peak of processes with 10,000 to 70,000 candidates and up to 4,000 robots."""


def run_bytes(setting: Setting) -> int:
    """About what a run takes at most, bytes, to a factor of two; encoders are not counted, explicit policies as implicit ones."""
    implicit, contract = setting.implicit, setting.contract
    shape, loss = implicit.shape, implicit.loss
    candidates = shape.members * implicit.optimizer.batch_size * (1 + loss.counter_examples)
    training = 4 * TRAINING_COPIES * candidates * shape.width * shape.depth
    deciding = 4 * DECIDING_COPIES * shape.members * setting.robots * implicit.chains * contract.action_dim
    decided = 8 * setting.ticks * setting.robots * (contract.action_dim + 1)
    observed = math.prod(contract.observed_shape(setting.stream))
    pairs = 4 * (setting.demonstrations + setting.supervisors * setting.ticks) * (observed + contract.action_dim)
    return BASE_BYTES + training + deciding + KEEPING_COPIES * (decided + pairs)
