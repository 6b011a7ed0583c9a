"""The robot driver Protocol: access to robots, real or simulated, that one process controls.

N robots, S state dim, A action dim.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fleet_contract.robot import RobotContract
from robot_driver.cameras import Cameras
from robot_driver.step import Step


class RobotDriver(Cameras, Protocol):
    """N robots of one contract, which receive their commands at the same moment.

    No method blocks until a robot answers. A robot that does not answer, or whose camera stalls, is unreachable: it has stopped by
    itself, within the driver's own timeout, and stays unreachable until a person readmits it. Every motion ends, or its robot becomes
    unreachable.

    `images` returns the images of the moment at which the robots were observed.
    """

    @property
    def contract(self) -> RobotContract:
        """What the robots observe and how they are moved."""

    @property
    def robots(self) -> int:
        """The number of robots, N."""

    def start(self, seed: int) -> None:
        """Start the robots; everything random follows the seed.

        Robots may move to their start posture at the first call of `observed`: the fleet calls it when they are allowed to move.
        """

    def begin(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> None:
        """Start one action of every robot at the same time. Unreachable robots ignore theirs.

        Args:
            kinds_N: `ActionKind` per robot. A robot in violation stays still until HARD_RESET, which means that a person has reset the
                robot and its workspace.
            actions_NA: actions of the robots that MOVE, in the contract's units; other rows are ignored.

        Raises:
            ValueError: a shape does not fit, or an action is not finite or out of the contract's range. Nothing moves.
        """

    def observed(self) -> Step | None:
        """Return the outcome of the last `begin`, or of `start`; None while a robot still moves or has not been observed since.

        Rows of unreachable robots have no meaning.
        """

    def stop(self) -> None:
        """Stop all robots where they are, immediately, and drop their actions. The next `begin` may move them."""

    def unreachable(self) -> tuple[str, ...]:
        """Return why each robot is unreachable, (N,); empty for robots that are reachable."""

    def readmit(self, robot: int) -> str:
        """Readmit an unreachable robot, as a person has asked.

        Returns:
            Why the robot cannot be readmitted now; empty if it is, or will be shortly.
        """

    def close(self) -> None:
        """Leave the robots at rest and free all resources; may be called again."""
