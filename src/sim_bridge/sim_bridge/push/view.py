"""The overhead camera: a pinhole straight above the centre, with x to the right and y up in the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim_bridge.push.geometry import PUSH_GEOMETRY, PushGeometry

if TYPE_CHECKING:
    from numpy.typing import NDArray


def camera_matrix(width: int, height: int, geometry: PushGeometry = PUSH_GEOMETRY) -> NDArray[np.float64]:
    """Return the intrinsics of an image of that many pixels, (3, 3); integer coordinates are the centres of pixels."""
    focal = min(width, height) / 2 * geometry.camera_height_m / geometry.view_half_m
    return np.array([[focal, 0.0, (width - 1) / 2], [0.0, focal, (height - 1) / 2], [0.0, 0.0, 1.0]])


def field_of_view(pixels: int, width: int, height: int, geometry: PushGeometry = PUSH_GEOMETRY) -> float:
    """Return the angle that `pixels` of the image's width or height span, degrees; the shorter side shows the whole workspace."""
    focal = camera_matrix(width, height, geometry)[0, 0]
    return float(np.degrees(2 * np.arctan(pixels / 2 / focal)))
