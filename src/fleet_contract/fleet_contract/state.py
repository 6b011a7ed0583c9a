"""The low-dimensional observation: messages to arrays, by the robot contract, live and from bags alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet_contract.robot import RobotContract


def state_of(message: Any, contract: RobotContract) -> NDArray[np.float64]:
    """The state (S,) that a message of the contract's state stream carries.

    Raises:
        ValueError: it has another length than the contract says, or a value is not finite.
    """
    stream = contract.observation.state
    state_S = np.asarray(getattr(message, stream.field), dtype=np.float64)
    if state_S.shape != (contract.state_dim,) or not np.isfinite(state_S).all():
        raise ValueError(f"{stream.topic}: found {state_S.tolist()}, allowed are {contract.state_dim} finite values")
    return state_S
