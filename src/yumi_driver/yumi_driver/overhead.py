"""Rectifies the pictures of the camera above a workspace, and finds the cube in them.

H rows, W columns of pictures; pictures are RGB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from sim_bridge.push.matter import COLOURS
from sim_bridge.push.view import camera_matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_contract.operation import Corner
    from sim_bridge.push.geometry import PushGeometry

SIDE_PX = 480
"""Side of the rectified picture in which the cube is searched, pixels."""
CUBE_HUES_DEG = (200.0, 260.0)
"""Range of the cube's hue, degrees."""
CUBE_MIN_SATURATION, CUBE_MIN_VALUE = 0.4, 0.2
"""Least saturation and value of the cube's colour, from 0 to 1."""
MIN_AREA, MAX_AREA = 0.6, 1.8
"""Range of the cube's visible area, in units of its top face."""
FLOOR_MAX_SATURATION, FLOOR_MIN_VALUE = 0.2, 0.6
"""Limits of the floor's colour, from 0 to 1: the goal is drawn on the floor, not on the cube or the arm."""
GOAL_RGB = tuple(round(255 * part) for part in COLOURS["goal"])
ITERATIONS = 4
"""Iterations of the search for the cube's position."""


class Overhead:
    """One workspace, seen by one camera."""

    def __init__(self, corners: tuple[Corner, Corner, Corner, Corner], geometry: PushGeometry) -> None:
        """Store the corners of the workspace in the camera's pictures, as in the gateways file."""
        self._corners = np.array(corners)
        self._geometry = geometry

    def straight(self, picture_HW3: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
        """Return the picture as a camera straight above the middle sees it, (height, width, 3)."""
        half_m = self._geometry.workspace_half_m
        positions_42 = np.array([[-half_m, -half_m], [half_m, -half_m], [half_m, half_m], [-half_m, half_m]])
        rows, columns = picture_HW3.shape[:2]
        # Shares are measured from the picture's edge, pixel coordinates from the centre of the first pixel.
        seen_42 = self._corners * [columns, rows] - 0.5
        wanted_42 = self._pixels(positions_42, width, height)
        shrink = max(columns / width, rows / height)
        if shrink > 1:
            # Blur before downscaling, or thin objects would flicker.
            picture_HW3 = np.asarray(cv2.blur(picture_HW3, (round(shrink), round(shrink))), dtype=np.uint8)
        homography = cv2.getPerspectiveTransform(seen_42.astype(np.float32), wanted_42.astype(np.float32))
        warped = cv2.warpPerspective(
            picture_HW3, homography, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(warped, dtype=np.uint8)

    def with_goal(self, straight_HW3: NDArray[np.uint8], goal_2: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Return the rectified picture with the goal drawn on the floor; the goal is (2,), m."""
        height, width = straight_HW3.shape[:2]
        matrix_33 = camera_matrix(width, height, self._geometry)
        radius_px = self._geometry.goal_radius_m * matrix_33[0, 0] / self._geometry.camera_height_m
        column, row = self._pixels(goal_2[None], width, height)[0]
        rows_HW, columns_HW = np.mgrid[:height, :width]
        disc_HW = np.hypot(columns_HW - column, rows_HW - row) <= radius_px
        _, saturation_HW, value_HW = _hsv(straight_HW3)
        floor_HW = (saturation_HW < FLOOR_MAX_SATURATION) & (value_HW > FLOOR_MIN_VALUE)
        drawn_HW3 = straight_HW3.copy()
        drawn_HW3[disc_HW & floor_HW] = GOAL_RGB
        return drawn_HW3

    def cube(self, picture_HW3: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        """Return the cube's pose x, y, yaw, (3,), m and radians; None if no cube is found.

        The camera sees the cube's top and the sides that face the middle. The pose is that whose outline has the same middle.
        """
        straight_HW3 = self.straight(picture_HW3, SIDE_PX, SIDE_PX)
        hue_HW, saturation_HW, value_HW = _hsv(straight_HW3)
        low, high = CUBE_HUES_DEG
        blue_HW = (low <= hue_HW) & (hue_HW <= high)
        blue_HW &= (saturation_HW >= CUBE_MIN_SATURATION) & (value_HW >= CUBE_MIN_VALUE)
        contours, _ = cv2.findContours(blue_HW.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        if not contours:
            return None
        outline = max(contours, key=cv2.contourArea)
        side_px = self._geometry.cube_side_m * SIDE_PX / 2 / self._geometry.view_half_m
        if not MIN_AREA < cv2.contourArea(outline) / side_px**2 < MAX_AREA:
            return None
        (column, row), _, angle_deg = cv2.minAreaRect(outline)
        return self._pose(np.array([column, row]), -np.radians(angle_deg))

    def _pose(self, seen_2: NDArray[np.float64], yaw: float) -> NDArray[np.float64]:
        """Return the pose whose outline has its middle at this pixel."""
        matrix_33 = camera_matrix(SIDE_PX, SIDE_PX, self._geometry)
        per_m = matrix_33[0, 0] / self._geometry.camera_height_m
        position_2 = (seen_2 - matrix_33[:2, 2]) / per_m * [1, -1]
        for _ in range(ITERATIONS):
            expected_2 = self._middle_of_outline(position_2, yaw)
            position_2 = position_2 + (seen_2 - expected_2) / per_m * [1, -1]
        return np.array([*position_2, yaw])

    def _middle_of_outline(self, position_2: NDArray[np.float64], yaw: float) -> NDArray[np.float64]:
        """Return the middle of the smallest rectangle around a cube at this position, (2,), pixels."""
        half_m, height_m = self._geometry.cube_side_m / 2, self._geometry.camera_height_m
        cos, sin = np.cos(yaw), np.sin(yaw)
        corners_42 = half_m * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) @ np.array([[cos, sin], [-sin, cos]])
        floor_42 = position_2 + corners_42
        top_42 = floor_42 * height_m / (height_m - 2 * half_m)
        points_82 = self._pixels(np.vstack([floor_42, top_42]), SIDE_PX, SIDE_PX)
        middle, _, _ = cv2.minAreaRect(points_82.astype(np.float32))
        return np.array(middle)

    def _pixels(self, positions_I2: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
        """Return columns and rows, (I, 2), of positions on the floor in a rectified picture."""
        matrix_33 = camera_matrix(width, height, self._geometry)
        per_m = matrix_33[0, 0] / self._geometry.camera_height_m
        return np.asarray(matrix_33[:2, 2] + positions_I2 * [per_m, -per_m])


def _hsv(picture_HW3: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return hue in degrees, and saturation and value from 0 to 1, each (H, W)."""
    hsv_HW3 = cv2.cvtColor(picture_HW3.astype(np.float32) / 255, cv2.COLOR_RGB2HSV).astype(np.float64)
    return hsv_HW3[..., 0], hsv_HW3[..., 1], hsv_HW3[..., 2]
