"""Converts messages of a robot's own topics to the arrays of its contract and back, in live runs and from bags.

S state dim, A action dim, H rows, W columns, C channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fleet_contract.fields import LAYOUTS
from fleet_contract.images import CHANNELS, RECEIVED_CHANNELS, to_array
from fleet_contract.native import NativeNumbers
from fleet_contract.robot import RobotContract
from fleet_contract.units import factor

TO_RGB = {
    "rgb8": None,
    "bgr8": cv2.COLOR_BGR2RGB,
    "mono8": cv2.COLOR_GRAY2RGB,
    "rgba8": cv2.COLOR_RGBA2RGB,
    "bgra8": cv2.COLOR_BGRA2RGB,
    "8UC1": cv2.COLOR_GRAY2RGB,
    "8UC3": cv2.COLOR_BGR2RGB,
    "8UC4": cv2.COLOR_BGRA2RGB,
}
FROM_RGB = {"rgb8": None, "bgr8": cv2.COLOR_RGB2BGR, "mono8": cv2.COLOR_RGB2GRAY}

JPEG_BEGIN, JPEG_SCAN, JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"
PNG_END = b"IEND"


def numbers_of(message: Any, stream: NativeNumbers, contract: RobotContract) -> dict[str, float]:
    """Return the quantities of a message of this topic, by name, in the contract's units.

    Raises:
        ValueError: a quantity is missing or not finite.
    """
    fields = [number.field for number in stream.quantities.values()]
    values = LAYOUTS[stream.type].read(message, fields)
    if not np.isfinite(values).all():
        raise ValueError(f"expected finite values, got {values}")
    units = {quantity.name: quantity.unit for quantity in contract.observation.state.quantities}
    return {
        name: value * factor(number.unit, units[name])
        for (name, number), value in zip(stream.quantities.items(), values, strict=True)
    }


def state_from(parts: Iterable[Mapping[str, float]], contract: RobotContract) -> NDArray[np.float64]:
    """Return the state (S,) that is composed of the quantities of several topics.

    Raises:
        KeyError: a quantity is missing.
    """
    values = {name: value for part in parts for name, value in part.items()}
    return np.array([values[quantity.name] for quantity in contract.observation.state.quantities])


def fill_command(message: Any, values_A: NDArray[np.float64], contract: RobotContract, *, duration_s: float) -> None:
    """Write an action (A,), in the contract's units, into a new message of the robot's own type.

    Args:
        message: New message of the native action's type; its header is not changed.
        values_A: Action in the contract's order and units.
        contract: Contract with a native section.
        duration_s: Duration of the motion, s.
    """
    action, factors_A = contract.require_native().action, _action_factors(contract)
    LAYOUTS[action.type].fill(message, _action_fields(contract), (values_A / factors_A).tolist(), duration_s)


def command_of(message: Any, contract: RobotContract) -> NDArray[np.float64]:
    """Return the action (A,), in the contract's units, of a message of the robot's own type.

    Raises:
        ValueError: a number is missing.
    """
    read = LAYOUTS[contract.require_native().action.type].read(message, _action_fields(contract))
    return np.array(read) * _action_factors(contract)


def picture_of(message: Any, *, width: int, height: int, encoding: str) -> NDArray[np.uint8]:
    """Return the image of a sensor_msgs/Image or CompressedImage, (H, W, C), resized to this size.

    Raises:
        ValueError: the encoding is not supported, or the image is incomplete.
    """
    pixels = rgb_of(message)
    if pixels.shape[:2] != (height, width):
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    conversion = FROM_RGB[encoding]
    encoded = pixels if conversion is None else np.asarray(cv2.cvtColor(pixels, conversion), dtype=np.uint8)
    return encoded.reshape(height, width, CHANNELS[encoding])


def rgb_of(message: Any) -> NDArray[np.uint8]:
    """Return the pixels (H, W, 3) of a sensor_msgs/Image or CompressedImage in its own size, red first.

    Raises:
        ValueError: the encoding is not supported, or the image is incomplete.
    """
    if hasattr(message, "format"):
        return _decompressed(message)
    conversion, pixels = TO_RGB.get(message.encoding), to_array(message, RECEIVED_CHANNELS)
    return pixels if conversion is None else np.asarray(cv2.cvtColor(pixels, conversion), dtype=np.uint8)


def _decompressed(message: Any) -> NDArray[np.uint8]:
    """Return the RGB pixels; the data says whether it is JPEG or PNG, because the message's format is free text."""
    data = np.frombuffer(message.data, dtype=np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if data.size and _has_its_end(data.tobytes()) else None
    if pixels is None:
        raise ValueError(f"expected a whole JPEG or PNG image, got {data.size} bytes of format {message.format!r}")
    return np.asarray(pixels, dtype=np.uint8)


def _has_its_end(data: bytes) -> bool:
    """Return whether the end of a JPEG or PNG image is there: OpenCV fills what is missing with grey."""
    if data.startswith(JPEG_BEGIN):
        return data.find(JPEG_END, data.rfind(JPEG_SCAN)) >= 0
    return PNG_END in data[-16:]


def _action_fields(contract: RobotContract) -> list[str]:
    numbers = contract.require_native().action.quantities
    return [numbers[quantity.name].field for quantity in contract.action.quantities]


def _action_factors(contract: RobotContract) -> NDArray[np.float64]:
    """Return the factors (A,) from the robot's units to the contract's."""
    numbers = contract.require_native().action.quantities
    return np.array([factor(numbers[quantity.name].unit, quantity.unit) for quantity in contract.action.quantities])
