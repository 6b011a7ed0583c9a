"""Poses: position in millimetres and orientation of one frame in another.

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
        """Return the pose with the orientation of a quaternion w, x, y, z of any length but zero."""
        return cls(position_mm_3, matrix_of_quaternion(quaternion_4))

    @property
    def quaternion_4(self) -> NDArray[np.float64]:
        """The orientation as a unit quaternion w, x, y, z with w of 0 or more."""
        return quaternion_of_matrix(self.rotation_33)

    def __matmul__(self, inner: Pose) -> Pose:
        return Pose(self.position_mm_3 + self.rotation_33 @ inner.position_mm_3, self.rotation_33 @ inner.rotation_33)

    def inverse(self) -> Pose:
        """Return the pose of the outer frame in the inner one."""
        return Pose(-self.rotation_33.T @ self.position_mm_3, self.rotation_33.T)

    def distance_mm(self, other: Pose) -> float:
        """Return the distance between the positions, mm."""
        return float(np.linalg.norm(other.position_mm_3 - self.position_mm_3))

    def turn_rad_3(self, other: Pose) -> NDArray[np.float64]:
        """Return the rotation vector (3,), in the outer frame, of the shortest rotation to the other orientation, radians."""
        return vector_of_matrix(other.rotation_33 @ self.rotation_33.T)

    def angle_deg(self, other: Pose) -> float:
        """Return the angle of the shortest rotation to the other orientation, degrees."""
        return float(np.degrees(np.linalg.norm(self.turn_rad_3(other))))

    def share_within(self, target: Pose, distance_mm: float, angle_deg: float) -> float:
        """Return the share of the motion to the target that is within the distance and the angle, from 0 to 1."""
        total_mm, total_deg = self.distance_mm(target), self.angle_deg(target)
        return min(
            1.0,
            distance_mm / total_mm if total_mm > 0.0 else 1.0,
            angle_deg / total_deg if total_deg > 0.0 else 1.0,
        )

    def interpolate(self, target: Pose, share: float) -> Pose:
        """Return the pose after a share of the straight motion to the target; for 1 the target itself."""
        if share == 1.0:
            return target
        return Pose(
            self.position_mm_3 + share * (target.position_mm_3 - self.position_mm_3),
            matrix_of_vector(share * self.turn_rad_3(target)) @ self.rotation_33,
        )
