"""Finds positions and angles in the observations of the benchmark."""

from __future__ import annotations

from fleet_contract.robot import RobotContract

POSITIONS = (
    "_knee",
    "ball_x",
    "ball_y",
    "ball_z",
    "height",
    "yaw",
    "roll",
    "_spread",
    "_from_stance",
    "hand_x",
    "hand_y",
)


def positions(contract: RobotContract) -> list[int]:
    """Return the indices of positions and angles in the observation."""
    quantities = contract.observation.state.quantities
    return [index for index, quantity in enumerate(quantities) if quantity.name.endswith(POSITIONS)]
