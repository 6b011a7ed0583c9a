"""Converts camera images between arrays and sensor_msgs/Image.

H rows, W columns, C channels. A working cv_bridge is used if installed; otherwise numpy views the message's buffer. Both give
the same arrays (tested).
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHANNELS = {"rgb8": 3, "bgr8": 3, "mono8": 1}
"""Number of channels, C, by encoding of a fleet's own images."""
RECEIVED_CHANNELS = {**CHANNELS, "rgba8": 4, "bgra8": 4, "8UC1": 1, "8UC3": 3, "8UC4": 4}
"""The same of all encodings that robots' own cameras may have; those without a colour order have OpenCV's, blue first."""


@cache
def _cv_bridge() -> Any:
    """Return a cv_bridge that works, or None: some installations fail with current versions of numpy or OpenCV."""
    try:
        from cv_bridge import CvBridge
        from sensor_msgs.msg import Image

        bridge = CvBridge()
        probe = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
        message = bridge.cv2_to_imgmsg(probe, encoding="rgb8")
        works = isinstance(message, Image) and np.array_equal(bridge.imgmsg_to_cv2(message, "passthrough"), probe)
    except Exception:  # noqa: BLE001
        return None
    return bridge if works else None


def _channels(encoding: str, channels: Mapping[str, int]) -> int:
    if encoding not in channels:
        raise ValueError(f"encoding: expected one of {', '.join(channels)}, got {encoding!r}")
    return channels[encoding]


def to_array(message: Any, channels_by_encoding: Mapping[str, int] = CHANNELS) -> NDArray[np.uint8]:
    """Return the pixels of a sensor_msgs/Image as (H, W, C) uint8, or (H, W) of one channel, in the message's channel order.

    The array may be a view of the message's buffer: copy it before changing it.

    Args:
        message: the message.
        channels_by_encoding: number of channels of the encodings that it may have.

    Raises:
        ValueError: the encoding is not supported, or the buffer does not hold height x step bytes.
    """
    channels = _channels(message.encoding, channels_by_encoding)
    flat = np.frombuffer(message.data, dtype=np.uint8)
    if flat.size != message.height * message.step or message.step < message.width * channels:
        raise ValueError(
            f"expected {message.width}x{message.height} pixels of {message.encoding}, "
            f"got {flat.size} bytes in rows of {message.step}"
        )
    # cv_bridge misreads rows whose padding is not a multiple of a pixel, and fails on big-endian data with some versions of numpy.
    plain = message.step == message.width * channels and not message.is_bigendian
    bridge = _cv_bridge() if plain else None
    if bridge is not None:
        return np.asarray(bridge.imgmsg_to_cv2(message, "passthrough"))
    rows = flat.reshape(message.height, message.step)[:, : message.width * channels]
    return rows.reshape((message.height, message.width) if channels == 1 else (message.height, message.width, channels))


def fill_message(message: Any, pixels: NDArray[np.uint8], encoding: str) -> None:
    """Write pixels, (H, W, C) or (H, W) uint8, into a sensor_msgs/Image, except for the header.

    Raises:
        ValueError: the encoding is not supported, or the array's shape or type does not fit it.
    """
    channels = _channels(encoding, CHANNELS)
    shape = pixels.shape if pixels.ndim == 3 else (*pixels.shape, 1)
    if pixels.dtype != np.uint8 or len(shape) != 3 or shape[2] != channels:
        raise ValueError(f"expected a {encoding} image, got an array of shape {pixels.shape} and type {pixels.dtype}")
    message.height, message.width = shape[0], shape[1]
    message.encoding = encoding
    message.is_bigendian = 0
    message.step = shape[1] * channels
    # rclpy copies an array.array at once; it checks any other sequence byte by byte.
    message.data = array("B", pixels.tobytes())
