"""The way around a round obstacle: straight, or along a tangent."""

from __future__ import annotations

from math import acos, atan2, hypot, pi, sqrt
from typing import TYPE_CHECKING

from fleet_supervisors.tabletop.scene import Side, left_of, unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNDECIDED_M = 0.04
"""Difference of the two paths around the obstacle up to which the style decides."""
LEAST_M = 0.03
"""Least distance of the next point on the way around."""


def next_point(
    start_2: NDArray[np.float64],
    goal_2: NDArray[np.float64],
    obstacle_2: NDArray[np.float64],
    radius_m: float,
    side: Side,
) -> NDArray[np.float64]:
    """Return the goal, or a point on the tangent of the circle around the obstacle, on the shorter side or that of the style."""
    from_2, to_2 = start_2 - obstacle_2, goal_2 - obstacle_2
    away_m, goal_m = hypot(*from_2), hypot(*to_2)
    turn = atan2(from_2[0] * to_2[1] - from_2[1] * to_2[0], float(from_2 @ to_2))
    seen = acos(min(1.0, radius_m / max(away_m, 1e-9))) + acos(min(1.0, radius_m / max(goal_m, 1e-9)))
    if abs(turn) <= seen:
        return goal_2
    # Counterclockwise around the obstacle passes it on the right.
    lengths = {"right": turn % (2 * pi), "left": -turn % (2 * pi)}
    shorter: Side = "right" if lengths["right"] < lengths["left"] else "left"
    undecided = radius_m * abs(lengths["right"] - lengths["left"]) <= UNDECIDED_M
    sign = 1.0 if (side if undecided else shorter) == "right" else -1.0
    out_2 = unit(from_2)
    round_2 = sign * left_of(out_2)
    if away_m <= radius_m:
        return start_2 + round_2 * LEAST_M + out_2 * (radius_m - away_m + 0.003)
    tangent_m = sqrt(away_m**2 - radius_m**2)
    # Never so near that a walk to it comes to rest.
    return start_2 + max(tangent_m, LEAST_M) * (-out_2 * (tangent_m / away_m) + round_2 * (radius_m / away_m))
