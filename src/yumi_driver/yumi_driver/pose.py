"""Poses: where a frame is in another one, in millimetres, and how it is turned.

3 coordinates x, y, z; 33 a rotation matrix; 4 quaternion components w, x, y, z.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from yumi_driver.rotation import (
    matrix_of_quaternion,
    matrix_of_vector,
    quaternion_of_matrix,
    vector_of_matrix,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Pose:
    """A position in millimetres and a rotation matrix."""

    position_mm_3: NDArray[np.float64]
    rotation_33: NDArray[np.float64]

    @classmethod
    def of_quaternion(cls, position_mm_3: NDArray[np.float64], quaternion_4: NDArray[np.float64]) -> Pose:
        """The pose with the orientation of a quaternion w, x, y, z of any length but zero."""
        return cls(position_mm_3, matrix_of_quaternion(quaternion_4))

    @property
    def quaternion_4(self) -> NDArray[np.float64]:
        """The orientation as a unit quaternion w, x, y, z with w of 0 or more."""
        return quaternion_of_matrix(self.rotation_33)

    def __matmul__(self, inner: Pose) -> Pose:
        return Pose(self.position_mm_3 + self.rotation_33 @ inner.position_mm_3, self.rotation_33 @ inner.rotation_33)

    def inverse(self) -> Pose:
        """The outer frame seen from the inner one."""
        return Pose(-self.rotation_33.T @ self.position_mm_3, self.rotation_33.T)

    def distance_mm(self, other: Pose) -> float:
        """Length in millimetres of the way from one position to the other."""
        return float(np.linalg.norm(other.position_mm_3 - self.position_mm_3))

    def turn_rad_3(self, other: Pose) -> NDArray[np.float64]:
        """Rotation vector in radians, in the outer frame, of the shortest turn to the other orientation."""
        return vector_of_matrix(other.rotation_33 @ self.rotation_33.T)

    def angle_deg(self, other: Pose) -> float:
        """Angle in degrees of the shortest turn to the other orientation."""
        return float(np.degrees(np.linalg.norm(self.turn_rad_3(other))))

    def share_within(self, target: Pose, distance_mm: float, angle_deg: float) -> float:
        """How much of the way to the target is within the distance and the angle, from 0 to 1."""
        way_mm, way_deg = self.distance_mm(target), self.angle_deg(target)
        return min(
            1.0,
            distance_mm / way_mm if way_mm > 0.0 else 1.0,
            angle_deg / way_deg if way_deg > 0.0 else 1.0,
        )

    def part_way(self, target: Pose, share: float) -> Pose:
        """The pose that is reached after a share of the straight way to the target; with 1 the target itself."""
        if share == 1.0:
            return target
        return Pose(
            self.position_mm_3 + share * (target.position_mm_3 - self.position_mm_3),
            matrix_of_vector(share * self.turn_rad_3(target)) @ self.rotation_33,
        )
