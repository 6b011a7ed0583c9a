"""Barriers: how much worse a network between two others is than these."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fleet_learning.symmetry import Parameters
from policy_merge.averaging import interpolated

SHARES = 11
"""Points on the line between two networks, both ends included."""


def loss_barrier(first: Parameters, second: Parameters, loss: Callable[[Parameters], float]) -> float:
    """Return the largest loss on the line between two networks above the mean of their own losses (FLEET-MERGE, section 5)."""
    losses = [loss(interpolated(first, second, share)) for share in np.linspace(1, 0, SHARES).tolist()]
    return max(losses) - (losses[0] + losses[-1]) / 2


def performance_barrier(first: Parameters, second: Parameters, performance: Callable[[Parameters], float]) -> float:
    """Return how far the smallest performance on the line is below the mean of both ends."""
    return loss_barrier(first, second, lambda network: -performance(network))
