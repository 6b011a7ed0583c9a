"""A robot contract, an observation and a picture for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fleet_contract.lease import Lease, LeaseKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml

CONFIG = Path(__file__).parents[3] / "launch/config"
CELL = read_yaml(CONFIG / "robots/push_cell.yaml", RobotContract)
STATE = np.array([-0.1, 0.05, 1.0, 0.0, 0.12, -0.06])
"""The cube is at -0.1, 0.05 m, the goal at 0.12, -0.06 m."""
PICTURE = np.full((48, 48, 3), 200, np.uint8)


def lease(kind: LeaseKind = LeaseKind.TELEOPERATE, token: int = 1, robot: str = "robot_03", signal: str = "") -> Lease:
    """Return a lease of a robot; with a signal, one that its value of 1.4 called for."""
    return Lease(robot, "human_01", token, kind, 7, *((signal, 1.4, 1.0) if signal else ()))


def shown(x_m: float, y_m: float) -> tuple[float, float]:
    """Return the picture coordinates of a point, calculated by hand: the workspace's 0.4 m fill 93 % of the picture."""
    return 0.5 + x_m / 0.4 * 0.93, 0.5 - y_m / 0.4 * 0.93
