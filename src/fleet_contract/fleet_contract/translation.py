"""Between messages of a robot's own topics and the arrays of its contract, live and from bags alike.

S state dim, A action dim, H rows, W columns, C channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fleet_contract.fields import LAYOUTS
from fleet_contract.images import CHANNELS, to_array
from fleet_contract.native import NativeNumbers
from fleet_contract.robot import RobotContract
from fleet_contract.units import factor

TO_RGB = {"rgb8": None, "bgr8": cv2.COLOR_BGR2RGB, "mono8": cv2.COLOR_GRAY2RGB}
FROM_RGB = {"rgb8": None, "bgr8": cv2.COLOR_RGB2BGR, "mono8": cv2.COLOR_RGB2GRAY}


def numbers_of(message: Any, stream: NativeNumbers, contract: RobotContract) -> dict[str, float]:
    """The quantities that a message of this topic carries, by name, in the contract's units.

    Raises:
        ValueError: one of them is not there, or not finite.
    """
    fields = [number.field for number in stream.quantities.values()]
    found = LAYOUTS[stream.type].read(message, fields)
    if not np.isfinite(found).all():
        raise ValueError(f"expected finite values, got {found}")
    units = {quantity.name: quantity.unit for quantity in contract.observation.state.quantities}
    return {
        name: value * factor(number.unit, units[name])
        for (name, number), value in zip(stream.quantities.items(), found, strict=True)
    }


def state_from(parts: Iterable[Mapping[str, float]], contract: RobotContract) -> NDArray[np.float64]:
    """The observation's state (S,) from the numbers of all topics that it is made of.

    Raises:
        KeyError: a quantity is in none of them.
    """
    values = {name: value for part in parts for name, value in part.items()}
    return np.array([values[quantity.name] for quantity in contract.observation.state.quantities])


def fill_command(message: Any, values_A: NDArray[np.float64], contract: RobotContract, *, duration_s: float) -> None:
    """Write an action (A,), in the contract's units, into a new message of the robot's own type.

    Args:
        message: of the native action's type; its header is left alone.
        values_A: in the contract's order.
        contract: one with a native section.
        duration_s: that the action is meant to take.
    """
    action, factors_A = contract.require_native().action, _action_factors(contract)
    LAYOUTS[action.type].fill(message, _action_fields(contract), (values_A / factors_A).tolist(), duration_s)


def command_of(message: Any, contract: RobotContract) -> NDArray[np.float64]:
    """The action (A,), in the contract's units, that a message of the robot's own type stands for.

    Raises:
        ValueError: a number is not there.
    """
    read = LAYOUTS[contract.require_native().action.type].read(message, _action_fields(contract))
    return np.array(read) * _action_factors(contract)


def picture_of(message: Any, *, width: int, height: int, encoding: str) -> NDArray[np.uint8]:
    """What a sensor_msgs/Image or CompressedImage shows, (H, W, C), stretched to this size.

    Raises:
        ValueError: it is in no encoding that is understood, or no whole image.
    """
    pixels = _decompressed(message) if hasattr(message, "format") else _rgb(message)
    if pixels.shape[:2] != (height, width):
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    conversion = FROM_RGB[encoding]
    encoded = pixels if conversion is None else np.asarray(cv2.cvtColor(pixels, conversion), dtype=np.uint8)
    return encoded.reshape(height, width, CHANNELS[encoding])


def _rgb(message: Any) -> NDArray[np.uint8]:
    conversion, pixels = TO_RGB.get(message.encoding), to_array(message)
    return pixels if conversion is None else np.asarray(cv2.cvtColor(pixels, conversion), dtype=np.uint8)


def _decompressed(message: Any) -> NDArray[np.uint8]:
    """JPEG and PNG say themselves what they are: formats of compressed images are free text."""
    data = np.frombuffer(message.data, dtype=np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if data.size else None
    if pixels is None:
        raise ValueError(f"expected a JPEG or PNG image, got {data.size} bytes of format {message.format!r}")
    return np.asarray(pixels, dtype=np.uint8)


def _action_fields(contract: RobotContract) -> list[str]:
    numbers = contract.require_native().action.quantities
    return [numbers[quantity.name].field for quantity in contract.action.quantities]


def _action_factors(contract: RobotContract) -> NDArray[np.float64]:
    """What one of the robot's units is in the contract's, (A,)."""
    numbers = contract.require_native().action.quantities
    return np.array([factor(numbers[quantity.name].unit, quantity.unit) for quantity in contract.action.quantities])
