"""Return on human effort (ROHE).

T ticks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def return_on_human_effort(*, robots: int, supervisors: int, reward: float, human_actions: int) -> float:
    """Return the ROHE of IIFL equation 3: M/N times the mean reward per robot, over one plus the human actions.

    Args:
        robots: N.
        supervisors: M.
        reward: Sum of all rewards of all robots over the run; the mean over robots is computed here.
        human_actions: Sum over ticks of the assigned humans (squared Frobenius norm of the assignment), hard resets included.
    """
    return supervisors / robots * (reward / robots) / (1 + human_actions)


def logged_return_on_human_effort(*, reward: float, human_actions: int) -> float:
    """Return the ROHE that the code published with the IIFL paper logs: without M/N and without a mean over robots.

    Args:
        reward: Sum of all rewards of all robots over the run.
        human_actions: Human actions as in equation 3.
    """
    return reward / (1 + human_actions)


def plotted_return_on_human_effort(
    successes_T: NDArray[np.int64], human_actions_T: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the ROHE after each tick, (T,), that the code published with the IIFL paper plots, before smoothing.

    It is 100 times the successes so far, over 20 plus the human actions so far.

    Args:
        successes_T: Completed tasks of all robots at each tick.
        human_actions_T: Assigned humans at each tick, hard resets included.
    """
    rohe_T: NDArray[np.float64] = 100 * successes_T.cumsum() / (20 + human_actions_T.cumsum())
    return rohe_T
