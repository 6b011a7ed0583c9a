"""Loose bodies on the table, by their poses: position, m, and quaternion w, x, y, z. N tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim_bridge.tabletop import geometry as g
from sim_bridge.tabletop.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEAST_UPRIGHT = 0.95
"""Cosine of the tilt below which a body has toppled, even if it still leans on the obstacle."""


def standing(at_2: Sequence[float] | NDArray[np.float64], yaw: float, height_m: float) -> tuple[float, ...]:
    """Return the pose, (7,), of a body of this height that stands on the table."""
    return (*at_2, height_m / 2, float(np.cos(yaw / 2)), 0.0, 0.0, float(np.sin(yaw / 2)))


def yaws(poses_N7: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the yaws, (N,), radians."""
    w_N, x_N, y_N, z_N = poses_N7[:, 3:].T
    return np.asarray(np.arctan2(2 * (w_N * z_N + x_N * y_N), 1 - 2 * (y_N**2 + z_N**2)))


def fallen(poses_N7: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return `Failure.OVER_RIM` for bodies beyond the rim, `Failure.TOPPLED` for other ones that are tilted, (N,)."""
    over_N = np.abs(poses_N7[:, :2]).max(axis=1) > g.TABLE_HALF_M
    upright_N = 1 - 2 * np.sum(poses_N7[:, 4:6] ** 2, axis=1)
    toppled_N = np.where(upright_N < LEAST_UPRIGHT, Failure.TOPPLED, Failure.NONE)
    return np.where(over_N, Failure.OVER_RIM, toppled_N).astype(np.int64)
