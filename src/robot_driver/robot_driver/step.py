"""What robots of one contract observe after they did what they were told. N robots, S state dim."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Step:
    """What became of all robots in one step. The arrays belong to the caller."""

    states_NS: NDArray[np.float64]
    """Observations after the step, in the contract's order and units."""
    rewards_N: NDArray[np.float64]
    """Reward of the step."""
    succeeded_N: NDArray[np.bool_]
    """The step completed the task."""
    violated_N: NDArray[np.bool_]
    """In constraint violation; stays until a hard reset."""
    ended_N: NDArray[np.bool_]
    """The step ended an episode: by success, by time, or by a hard reset. The observation begins the next one."""
