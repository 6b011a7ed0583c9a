"""Projects between a plane and the picture of a camera anywhere above it.

P points.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fleet_contract.operation import Plane


class Projection:
    """A homography from four corners. Picture coordinates are shares of width and height from the upper left."""

    def __init__(self, plane: Plane) -> None:
        (left, near), (right, far) = plane.workspace.low, plane.workspace.high
        metres_42 = np.array([(left, near), (right, near), (right, far), (left, far)], dtype=np.float32)
        picture_42 = np.array(plane.corners, dtype=np.float32)
        self._to_picture_33 = cv2.getPerspectiveTransform(metres_42, picture_42)
        self._to_metres_33 = cv2.getPerspectiveTransform(picture_42, metres_42)
        self._sign = float(np.sign(np.array([*picture_42.mean(0), 1.0]) @ self._to_metres_33[2]))

    def to_picture(self, points_P2: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the picture coordinates, (P, 2), of points of the plane, (P, 2) in m."""
        return _mapped(points_P2, self._to_picture_33)

    def to_metres(self, points_P2: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the points of the plane, (P, 2) in m, at picture coordinates, (P, 2); NaN beyond the plane's horizon."""
        metres_P2 = _mapped(points_P2, self._to_metres_33)
        # Points before the camera have the same sign of depth as the workspace.
        depths_P = np.column_stack([points_P2, np.ones(len(points_P2))]) @ self._to_metres_33[2]
        beyond_P = depths_P * self._sign <= 0
        metres_P2[beyond_P] = np.nan
        return metres_P2


def _mapped(points_P2: NDArray[np.float64], matrix_33: cv2.typing.MatLike) -> NDArray[np.float64]:
    mapped = cv2.perspectiveTransform(np.asarray(points_P2, np.float64).reshape(-1, 1, 2), matrix_33)
    return np.asarray(mapped, dtype=np.float64).reshape(-1, 2)
