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
    terminated_N: NDArray[np.bool_]
    """The step ended an episode: the task is completed, or a hard reset was given. The observation begins the next one."""
    truncated_N: NDArray[np.bool_]
    """The step ended an episode because its time is over. The observation begins the next one."""

    @property
    def episode_over_N(self) -> NDArray[np.bool_]:  # noqa: N802 - shape suffix
        """The step ended an episode."""
        return self.terminated_N | self.truncated_N
