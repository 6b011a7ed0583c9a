"""The environment Protocol: many robots that step together.

N robots, S state dim, A action dim, H image rows, W image columns.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fleet_contract.robot import RobotContract, Stream
from robot_driver.step import Step


class Environment(Protocol):
    """N robots of one contract, stepped as one batch."""

    @property
    def contract(self) -> RobotContract:
        """What the robots observe and how they are moved."""

    @property
    def robots(self) -> int:
        """N."""

    def reset(self, seed: int) -> Step:
        """Begin anew; the same seed gives the same run for the same actions. Robot i does not depend on N."""

    def step(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> Step:
        """Let every robot do what it is told, all at once.

        Args:
            kinds_N: `ActionKind` per robot. A robot in violation stays still unless it is told HARD_RESET.
            actions_NA: actions of the robots that MOVE, in the contract's units; other rows are ignored.

        Raises:
            ValueError: a shape does not fit, or an action is not finite or out of the contract's range.
        """

    def images(self) -> NDArray[np.uint8]:
        """What the cameras see now, (N, H, W, 3), in the contract's size and encoding.

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
        """Free the renderer and the simulation."""


def observations(environment: Environment, step: Step, stream: Stream) -> NDArray[np.generic]:
    """What the robots observe after a step: states (N, S), or images (N, H, W, C).

    Raises:
        RuntimeError: images are asked for, and the contract has no camera.
    """
    return environment.images() if stream == "camera" else step.states_NS
