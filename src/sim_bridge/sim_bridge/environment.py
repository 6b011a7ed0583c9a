"""The environment Protocol: many simulated robots that step together, and the base of its implementations.

N robots, S state dim, A action dim, H image rows, W image columns.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from fleet_contract.robot import RobotContract, Stream
from robot_driver.cameras import Cameras
from robot_driver.step import Step


class Environment(Cameras, Protocol):
    """N robots of one contract that are stepped as one batch."""

    @property
    def contract(self) -> RobotContract:
        """What the robots observe and how they are moved."""

    @property
    def robots(self) -> int:
        """The number of robots, N."""

    def reset(self, seed: int) -> Step:
        """Start new episodes of all robots and return their first observations.

        The same seed gives the same run for the same actions, and robot i does not depend on N.
        """

    def step(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> Step:
        """Carry out one action of every robot at the same time.

        Args:
            kinds_N: `ActionKind` per robot. A robot in violation stays still until HARD_RESET.
            actions_NA: actions of the robots that MOVE, in the contract's units; other rows are ignored.

        Raises:
            ValueError: a shape does not fit, or an action is not finite or out of the contract's range.
        """

    def close(self) -> None:
        """Free the renderer and the simulation; may be called again."""


class RobotBatch(Environment):
    """The base of environments: robots of one contract."""

    def __init__(self, contract: RobotContract, robots: int) -> None:
        """Raise ValueError if there are no robots."""
        if robots < 1:
            raise ValueError(f"robots: expected 1 or more, got {robots}")
        self._contract = contract
        self._robots = robots

    @property
    @override
    def contract(self) -> RobotContract:
        return self._contract

    @property
    @override
    def robots(self) -> int:
        return self._robots


def observations(environment: Environment, step: Step, stream: Stream) -> NDArray[np.generic]:
    """Return what the robots observe after a step: states (N, S), or images (N, H, W, 3).

    Raises:
        RuntimeError: the stream is the camera, and the contract has none.
    """
    return environment.images() if stream == "camera" else step.states_NS
