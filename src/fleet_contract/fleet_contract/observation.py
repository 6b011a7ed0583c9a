"""Converts messages of observations to arrays by the robot contract, in live runs and from bags."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet_contract.images import to_array
from fleet_contract.robot import RobotContract


def state_of(message: Any, contract: RobotContract) -> NDArray[np.float64]:
    """Return the state (S,) of a message of the contract's state topic.

    Raises:
        ValueError: the length is not the contract's, or a value is not finite.
    """
    stream = contract.observation.state
    state_S = np.asarray(getattr(message, stream.field), dtype=np.float64)
    if state_S.shape != (contract.state_dim,) or not np.isfinite(state_S).all():
        raise ValueError(f"{stream.topic}: expected {contract.state_dim} finite values, got {state_S.tolist()}")
    return state_S


def image_of(message: Any, contract: RobotContract) -> NDArray[np.uint8]:
    """Return the image (H, W, C) of a message of the contract's camera topic.

    Raises:
        InputError: the contract has no camera.
        ValueError: size or encoding are not the contract's, or the image is incomplete.
    """
    camera = contract.require_camera()
    if (message.height, message.width, message.encoding) != (camera.height, camera.width, camera.encoding):
        raise ValueError(
            f"{camera.topic}: expected {camera.width}x{camera.height} {camera.encoding}, "
            f"got {message.width}x{message.height} {message.encoding}"
        )
    return to_array(message).reshape(contract.observed_shape("camera"))
