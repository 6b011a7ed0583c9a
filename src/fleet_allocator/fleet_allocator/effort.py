"""Return on human effort (ROHE).

T ticks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def return_on_human_effort(*, robots: int, supervisors: int, reward: float, human_actions: int) -> float:
    """ROHE, IIFL equation 3: M/N times the fleet's mean reward over one plus the human actions.

    Args:
        robots: N.
        supervisors: M.
        reward: sum of all rewards of all robots over the run; the mean over robots is taken here.
        human_actions: sum over ticks of the assigned supervisors (squared Frobenius norm of the assignment), hard
            resets included.
    """
    return supervisors / robots * (reward / robots) / (1 + human_actions)


def logged_return_on_human_effort(*, reward: float, human_actions: int) -> float:
    """ROHE as the code published with the IIFL paper logs it: neither M/N nor a mean over robots.

    Args:
        reward: sum of all rewards of all robots over the run.
        human_actions: as in equation 3.
    """
    return reward / (1 + human_actions)


def plotted_return_on_human_effort(
    successes_T: NDArray[np.int64], human_actions_T: NDArray[np.int64]
) -> NDArray[np.float64]:
    """ROHE after each tick, (T,), as the code published with the IIFL paper plots it, before smoothing.

    100 times the successes so far, over 20 plus the human actions so far.

    Args:
        successes_T: completed tasks at each tick, all robots.
        human_actions_T: assigned supervisors at each tick, hard resets included.
    """
    rohe_T: NDArray[np.float64] = 100 * successes_T.cumsum() / (20 + human_actions_T.cumsum())
    return rohe_T
