"""Orientations of many bodies at once: quaternions as MuJoCo writes them, w x y z.

I robots.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def matrices(quaternions_I4: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotation matrices (I, 3, 3) from the body's frame to the world's."""
    w, x, y, z = quaternions_I4.T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.asarray(np.moveaxis(np.array(rows), -1, 0))


def into_body(matrices_I33: NDArray[np.float64], vectors_I3: NDArray[np.float64]) -> NDArray[np.float64]:
    """World vectors in the bodies' frames."""
    return np.asarray(np.einsum("iba,ib->ia", matrices_I33, vectors_I3))


def into_world(matrices_I33: NDArray[np.float64], vectors_I3: NDArray[np.float64]) -> NDArray[np.float64]:
    """The bodies' vectors in the world's frame."""
    return np.asarray(np.einsum("iab,ib->ia", matrices_I33, vectors_I3))


def wrapped(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same angles from -pi to pi, radians."""
    return np.asarray(np.remainder(angles + np.pi, 2 * np.pi) - np.pi)


def about_vertical(angles_I: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quaternions (I, 4) of turns about the vertical, radians."""
    zeros_I = np.zeros_like(angles_I)
    return np.stack([np.cos(angles_I / 2), zeros_I, zeros_I, np.sin(angles_I / 2)], axis=1)
