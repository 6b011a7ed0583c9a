"""Orientations of many bodies: quaternions are w, x, y, z, as in MuJoCo.

I bodies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def matrices(quaternions_I4: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotation matrices (I, 3, 3) from the body frames to the world frame."""
    w, x, y, z = quaternions_I4.T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.asarray(np.moveaxis(np.array(rows), -1, 0))


def into_body(matrices_I33: NDArray[np.float64], vectors_I3: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return world vectors (I, 3) in the body frames."""
    return np.asarray(np.einsum("iba,ib->ia", matrices_I33, vectors_I3))


def into_world(matrices_I33: NDArray[np.float64], vectors_I3: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return vectors (I, 3) of the body frames in the world frame."""
    return np.asarray(np.einsum("iab,ib->ia", matrices_I33, vectors_I3))


def wrapped(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the angles wrapped to -pi to pi, radians."""
    return np.asarray(np.remainder(angles + np.pi, 2 * np.pi) - np.pi)


def about_vertical(angles_I: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the quaternions (I, 4) of rotations about the vertical axis by angles in radians."""
    zeros_I = np.zeros_like(angles_I)
    return np.stack([np.cos(angles_I / 2), zeros_I, zeros_I, np.sin(angles_I / 2)], axis=1)
