"""Which observations of the benchmark tell where something is."""

from __future__ import annotations

from fleet_contract.robot import RobotContract

ENDS = (
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


def places(contract: RobotContract) -> list[int]:
    """Numbers of the observation that tell places and angles."""
    quantities = contract.observation.state.quantities
    return [index for index, quantity in enumerate(quantities) if quantity.name.endswith(ENDS)]
