"""What robots are told in one step, checked before anything moves. N robots, A action dim."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fleet_contract.action import ActionKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract

ROUNDING = 1e-6
"""Part of its range by which an action may exceed it: a bound that passed through float32 is still that bound."""


def checked_actions(
    contract: RobotContract,
    robots: int,
    kinds_N: NDArray[np.int64],
    actions_NA: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The actions within the contract's range, (N, A); rows of robots that do not MOVE are zero.

    Raises:
        ValueError: a shape does not fit, a kind is unknown, or an action is not finite or out of the contract's range.
    """
    kinds_N, actions_NA = np.asarray(kinds_N), np.asarray(actions_NA)
    if kinds_N.shape != (robots,):
        msg = f"kinds have shape {kinds_N.shape}, allowed is ({robots},)"
        raise ValueError(msg)
    if actions_NA.shape != (robots, contract.action_dim):
        msg = f"actions have shape {actions_NA.shape}, allowed is ({robots}, {contract.action_dim})"
        raise ValueError(msg)
    if not np.isin(kinds_N, list(ActionKind)).all():
        msg = f"kinds are {sorted({int(kind) for kind in kinds_N})}, allowed are {[*map(int, ActionKind)]}"
        raise ValueError(msg)
    moves_N = kinds_N == ActionKind.MOVE
    wanted_NA = np.where(moves_N[:, None], actions_NA, 0.0).astype(np.float64)
    slack_A = ROUNDING * (contract.action_high_A - contract.action_low_A)
    low_A, high_A = contract.action_low_A - slack_A, contract.action_high_A + slack_A
    # Compared so that a NaN fails; rows that do not move are zeros, which a contract need not allow.
    fits_NA = ((wanted_NA >= low_A) & (wanted_NA <= high_A)) | ~moves_N[:, None]
    if not fits_NA.all():
        robot, index = np.argwhere(~fits_NA)[0]
        quantity = contract.action.quantities[index]
        msg = (
            f"robot {robot}: {quantity.name} is {wanted_NA[robot, index]}, "
            f"allowed is {quantity.low} to {quantity.high} {quantity.unit}"
        )
        raise ValueError(
            msg,
        )
    clipped_NA: NDArray[np.float64] = np.clip(wanted_NA, contract.action_low_A, contract.action_high_A)
    return np.where(moves_N[:, None], clipped_NA, 0.0)
