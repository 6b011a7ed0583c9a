"""Converts rotations between matrix, unit quaternion and rotation vector.

3 coordinates x, y, z; 33 a rotation matrix; 4 quaternion components w, x, y, z.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def matrix_of_vector(vector_rad_3: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix of the rotation about the vector by its length in radians."""
    angle = float(np.linalg.norm(vector_rad_3))
    if angle == 0.0:
        return np.eye(3)
    x, y, z = vector_rad_3 / angle
    cross_33 = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    matrix_33: NDArray[np.float64] = (
        np.eye(3) + np.sin(angle) * cross_33 + (1.0 - np.cos(angle)) * (cross_33 @ cross_33)
    )
    return matrix_33


def vector_of_matrix(rotation_33: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotation vector: the inverse of `matrix_of_vector`. Half a turn has two vectors; return one of them."""
    w, *axis = quaternion_of_matrix(rotation_33)
    axis_3 = np.array(axis)
    sine = float(np.linalg.norm(axis_3))
    # For a small angle, the sine of its half equals the half, and the direction is lost to rounding.
    return axis_3 * (2.0 if sine < 1e-12 else 2.0 * np.arctan2(sine, w) / sine)


def matrix_of_quaternion(quaternion_4: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix of a quaternion of any length but zero."""
    w, x, y, z = quaternion_4 / np.linalg.norm(quaternion_4)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def quaternion_of_matrix(rotation_33: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit quaternion of the matrix with w of 0 or more."""
    diagonal_3 = np.diagonal(rotation_33)
    trace = float(diagonal_3.sum())
    # Each is four times the square of a component, minus 1: dividing by the largest keeps rounding errors small.
    largest = int(np.argmax([trace, *(2.0 * diagonal_3 - trace)]))
    quaternion_4 = np.empty(4)
    if largest == 0:
        quaternion_4[0] = 1.0 + trace
        for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
            quaternion_4[1 + i] = rotation_33[k, j] - rotation_33[j, k]
    else:
        i = largest - 1
        j, k = (i + 1) % 3, (i + 2) % 3
        quaternion_4[0] = rotation_33[k, j] - rotation_33[j, k]
        quaternion_4[1 + i] = 1.0 + 2.0 * rotation_33[i, i] - trace
        quaternion_4[1 + j] = rotation_33[j, i] + rotation_33[i, j]
        quaternion_4[1 + k] = rotation_33[k, i] + rotation_33[i, k]
    unit_4: NDArray[np.float64] = quaternion_4 / np.linalg.norm(quaternion_4)
    return unit_4 if unit_4[0] >= 0.0 else -unit_4
