"""Pictures for people: arrays to JPEG and back.

H rows, W columns.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

QUALITY = 85
FORMAT = "rgb8; jpeg compressed bgr8"
"""Of a sensor_msgs/CompressedImage, as image_transport writes it."""


def to_jpeg(pixels_HW3: NDArray[np.uint8]) -> bytes:
    """The JPEG of pixels (H, W, 3), red green blue."""
    _, jpeg = cv2.imencode(".jpg", pixels_HW3[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return bytes(jpeg)


def from_jpeg(jpeg: bytes) -> NDArray[np.uint8]:
    """Pixels (H, W, 3), red green blue.

    Raises:
        ValueError: it is no JPEG.
    """
    pixels = cv2.imdecode(np.frombuffer(jpeg, dtype=np.uint8), cv2.IMREAD_COLOR) if jpeg else None
    if pixels is None:
        raise ValueError(f"{len(jpeg)} bytes are no JPEG image")
    return np.asarray(pixels[..., ::-1], dtype=np.uint8)
