"""The full decider: the policy decides for all robots, at every tick anew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from typing_extensions import override

from fleet_learning.policy import Decider, Decision, Policy

FULL = "full"
"""Name of this kind of decider, which all policies offer."""


class FullDecider(Decider):
    """A `Decider` without memory."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    @override
    def decide(
        self, observations_N: NDArray[np.generic], robots: Sequence[int], generator: torch.Generator
    ) -> Decision:
        return self.policy.decide(observations_N, generator)
