"""Observations: messages to arrays, by the robot contract, live and from bags alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet_contract.images import to_array
from fleet_contract.robot import RobotContract


def state_of(message: Any, contract: RobotContract) -> NDArray[np.float64]:
    """The state (S,) that a message of the contract's state stream carries.

    Raises:
        ValueError: it has another length than the contract says, or a value is not finite.
    """
    stream = contract.observation.state
    state_S = np.asarray(getattr(message, stream.field), dtype=np.float64)
    if state_S.shape != (contract.state_dim,) or not np.isfinite(state_S).all():
        raise ValueError(f"{stream.topic}: expected {contract.state_dim} finite values, got {state_S.tolist()}")
    return state_S


def image_of(message: Any, contract: RobotContract) -> NDArray[np.uint8]:
    """The image (H, W, C) that a message of the contract's camera carries.

    Raises:
        BadInput: the contract has no camera.
        ValueError: the message has another size or encoding than the contract says, or no whole image.
    """
    camera = contract.require_camera()
    if (message.height, message.width, message.encoding) != (camera.height, camera.width, camera.encoding):
        raise ValueError(
            f"{camera.topic}: expected {camera.width}x{camera.height} {camera.encoding}, "
            f"got {message.width}x{message.height} {message.encoding}"
        )
    return to_array(message).reshape(contract.observed_shape("camera"))
