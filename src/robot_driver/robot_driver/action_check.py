"""Checks the actions of one step before a robot moves. N robots, A action dim."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fleet_contract.action import ActionKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract

ROUNDING = 1e-6
"""Share of its range by which an action may exceed a limit: a limit that was rounded to float32 is still within the range."""


def checked_actions(
    contract: RobotContract,
    robots: int,
    kinds_N: NDArray[np.int64],
    actions_NA: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the actions, clipped to the contract's range, (N, A); rows of robots that do not MOVE are zero.

    Raises:
        ValueError: a shape does not fit, a kind is unknown, or an action is not finite or out of the contract's range.
    """
    kinds_N, actions_NA = np.asarray(kinds_N), np.asarray(actions_NA)
    if kinds_N.shape != (robots,):
        raise ValueError(f"kinds_N: expected shape ({robots},), got {kinds_N.shape}")
    if actions_NA.shape != (robots, contract.action_dim):
        raise ValueError(f"actions_NA: expected shape ({robots}, {contract.action_dim}), got {actions_NA.shape}")
    if not np.isin(kinds_N, list(ActionKind)).all():
        raise ValueError(
            f"kinds_N: expected only {[*map(int, ActionKind)]}, got {sorted({int(kind) for kind in kinds_N})}"
        )
    moves_N = kinds_N == ActionKind.MOVE
    requested_NA = np.where(moves_N[:, None], actions_NA, 0.0).astype(np.float64)
    tolerance_A = ROUNDING * (contract.action_high_A - contract.action_low_A)
    low_A, high_A = contract.action_low_A - tolerance_A, contract.action_high_A + tolerance_A
    # Written so that a NaN fails. Rows that do not MOVE are zero, which may be outside the contract's range.
    allowed_NA = ((requested_NA >= low_A) & (requested_NA <= high_A)) | ~moves_N[:, None]
    if not allowed_NA.all():
        robot, index = np.argwhere(~allowed_NA)[0]
        quantity = contract.action.quantities[index]
        raise ValueError(
            f"robot {robot}: {quantity.name}: expected {quantity.low} to {quantity.high} {quantity.unit}, "
            f"got {requested_NA[robot, index]}"
        )
    clipped_NA: NDArray[np.float64] = np.clip(requested_NA, contract.action_low_A, contract.action_high_A)
    return np.where(moves_N[:, None], clipped_NA, 0.0)
