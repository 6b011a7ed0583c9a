"""Converts images for people to JPEG and back.

H rows, W columns.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

QUALITY = 85
"""JPEG quality, 0 to 100."""
FORMAT = "rgb8; jpeg compressed bgr8"
"""Field `format` of a sensor_msgs/CompressedImage, as image_transport writes it."""


def to_jpeg(pixels_HW3: NDArray[np.uint8]) -> bytes:
    """Return the JPEG of pixels (H, W, 3), red green blue."""
    _, jpeg = cv2.imencode(".jpg", pixels_HW3[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return bytes(jpeg)


def from_jpeg(jpeg: bytes) -> NDArray[np.uint8]:
    """Return the pixels (H, W, 3), red green blue, of a JPEG.

    Raises:
        ValueError: the bytes are not a whole JPEG, or one of more pixels than OpenCV decodes.
    """
    try:
        pixels = cv2.imdecode(np.frombuffer(jpeg, dtype=np.uint8), cv2.IMREAD_COLOR) if jpeg else None
    except cv2.error:
        pixels = None
    if pixels is None:
        raise ValueError(f"expected a JPEG image, got {len(jpeg)} bytes")
    return np.asarray(pixels[..., ::-1], dtype=np.uint8)
