"""The robot driver Protocol: robots that one program reaches, real or simulated.

N robots, S state dim, A action dim, H image rows, W image columns.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fleet_contract.robot import RobotContract
from robot_driver.step import Step


class RobotDriver(Protocol):
    """N robots of one contract that are told what to do at the same moment.

    No method waits for a robot. A robot that cannot be reached, or whose camera stands still, is unreachable: it has stopped by
    itself, within the driver's own timeout, and stays unreachable until a person readmits it. Every motion comes to an end,
    or its robot is unreachable.
    """

    @property
    def contract(self) -> RobotContract:
        """What the robots observe and how they are moved."""

    @property
    def robots(self) -> int:
        """N."""

    def start(self, seed: int) -> None:
        """Begin. What is drawn at random follows the seed.

        Robots may take their starting posture when `observed` is first called: whoever starts a fleet wants them to.
        """

    def begin(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> None:
        """Let every robot do what it is told, all at once. Absent robots stay as they are.

        Args:
            kinds_N: `ActionKind` per robot. A robot in violation stays still unless it is told HARD_RESET, which says that
                a person has put the robot and its workspace right.
            actions_NA: actions of the robots that MOVE, in the contract's units; other rows are ignored.

        Raises:
            ValueError: a shape does not fit, or an action is not finite or out of the contract's range. Nothing moves.
        """

    def observed(self) -> Step | None:
        """What became of all robots since the last `begin`, or since `start`; None while they move or are looked at.

        Rows of unreachable robots mean nothing.
        """

    def stop(self) -> None:
        """All robots stop where they are, at once; what they were doing is over. The next `begin` may move them."""

    def unreachable(self) -> tuple[str, ...]:
        """Why each robot is unreachable, (N,); empty for a robot that is there."""

    def readmit(self, robot: int) -> str:
        """A person wants an unreachable robot back.

        Returns:
            Why it cannot come back now; empty if it is back, or on its way.
        """

    def images(self) -> NDArray[np.uint8]:
        """What the cameras saw when the robots were observed, (N, H, W, 3), in the contract's size and encoding.

        Raises:
            RuntimeError: the contract has no camera.
        """

    def video(self, robot: int) -> NDArray[np.uint8]:
        """What an operator sees of one robot now, (H, W, 3), red green blue, in the size of the contract's video.

        Raises:
            RuntimeError: nobody can drive robots of this contract.
        """

    def camera_matrix(self) -> NDArray[np.float64]:
        """Intrinsics of the cameras, (3, 3), pixels: a pinhole without distortion.

        Raises:
            RuntimeError: the contract has no camera.
        """

    def close(self) -> None:
        """Leave the robots at rest and free what is held; may be called again."""
