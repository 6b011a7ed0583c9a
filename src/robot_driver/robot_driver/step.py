"""What the robots of one contract observe after an action. N robots, S state dim."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Step:
    """The outcome of one step of all robots. The arrays belong to the caller, who may change them.

    An episode is either terminated, by what happened in it, or truncated, by its time limit, never both. A constraint violation ends
    no episode: the robot stays where it is until a hard reset terminates its episode.
    """

    states_NS: NDArray[np.float64]
    """Observations after the step, in the contract's order and units."""
    rewards_N: NDArray[np.float64]
    """Rewards of the step."""
    succeeded_N: NDArray[np.bool_]
    """Whether the step completed the task."""
    violated_N: NDArray[np.bool_]
    """Whether the robot is in constraint violation, which lasts until a hard reset."""
    terminated_N: NDArray[np.bool_]
    """Whether the episode ended because the task was completed or a hard reset was made; the next one begins with the observation."""
    truncated_N: NDArray[np.bool_]
    """Whether the episode ended at its time limit; the next one begins with the observation."""

    @property
    def episode_over_N(self) -> NDArray[np.bool_]:  # noqa: N802 - shape suffix
        """Whether the step ended an episode for either reason."""
        return self.terminated_N | self.truncated_N


def uneventful_step(states_NS: NDArray[np.float64]) -> Step:
    """Return a step with these observations in which nothing happened: no reward, no violation, no end of an episode."""
    robots = len(states_NS)
    return Step(
        states_NS=states_NS,
        rewards_N=np.zeros(robots),
        succeeded_N=np.zeros(robots, dtype=np.bool_),
        violated_N=np.zeros(robots, dtype=np.bool_),
        terminated_N=np.zeros(robots, dtype=np.bool_),
        truncated_N=np.zeros(robots, dtype=np.bool_),
    )
