"""The base's camera, which sees the arena around the base from above; ahead is up in the image.

H image rows, W image columns, P points.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mobile_base.arena import BASE_RADIUS_M, BEACON_RADIUS_M, HALF_M, OBSTACLES_K3, Arena

SIZE_PX = 160
"""Height and width of the image."""
PX_PER_M = 60.0
"""Scale of the image."""
FLOOR, OUTSIDE, OBSTACLE, BEACON, BASE, NOSE = (
    (225, 220, 210), (70, 70, 75), (90, 60, 50), (60, 170, 80), (40, 90, 190), (240, 240, 240)
)  # fmt: skip
"""Colours, red green blue."""


def image(arena: Arena) -> NDArray[np.uint8]:
    """Return the camera's image, (H, W, 3), red green blue."""
    pixels = np.full((SIZE_PX, SIZE_PX, 3), OUTSIDE, np.uint8)
    corners_P2 = HALF_M * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    cv2.fillConvexPoly(pixels, np.array([_pixel(arena, corner_2) for corner_2 in corners_P2]), FLOOR, cv2.LINE_AA)
    for x, y, radius in OBSTACLES_K3:
        _disc(pixels, _pixel(arena, np.array([x, y])), radius, OBSTACLE)
    _disc(pixels, _pixel(arena, arena.beacon_2), BEACON_RADIUS_M, BEACON)
    centre_px = SIZE_PX // 2
    _disc(pixels, (centre_px, centre_px), BASE_RADIUS_M, BASE)
    cv2.line(
        pixels, (centre_px, centre_px), (centre_px, centre_px - round(BASE_RADIUS_M * PX_PER_M)), NOSE, 2, cv2.LINE_AA
    )
    return pixels


def _pixel(arena: Arena, point_2: NDArray[np.float64]) -> tuple[int, int]:
    ahead, left = arena.in_base_frame(point_2) * PX_PER_M
    return round(SIZE_PX / 2 - left), round(SIZE_PX / 2 - ahead)


def _disc(pixels: NDArray[np.uint8], centre: tuple[int, int], radius_m: float, colour: tuple[int, int, int]) -> None:
    cv2.circle(pixels, centre, round(radius_m * PX_PER_M), colour, cv2.FILLED, cv2.LINE_AA)
