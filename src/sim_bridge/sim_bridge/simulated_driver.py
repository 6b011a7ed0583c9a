"""A simulation as a robot driver: its robots are always there, and done at once.

N robots, A action dim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract
    from robot_driver.step import Step
    from sim_bridge.environment import Environment


class SimulatedDriver:
    """`RobotDriver` over an `Environment`."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._step: Step | None = None

    @property
    def contract(self) -> RobotContract:
        """See `RobotDriver.contract`."""
        return self._environment.contract

    @property
    def robots(self) -> int:
        """See `RobotDriver.robots`."""
        return self._environment.robots

    def start(self, seed: int) -> None:
        """See `RobotDriver.start`."""
        self._step = self._environment.reset(seed)

    def begin(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> None:
        """See `RobotDriver.begin`."""
        self._step = self._environment.step(kinds_N, actions_NA)

    def observed(self) -> Step | None:
        """See `RobotDriver.observed`."""
        return self._step

    def stop(self) -> None:
        """Nothing moves between two steps."""

    def unreachable(self) -> tuple[str, ...]:
        """See `RobotDriver.unreachable`."""
        return ("",) * self.robots

    def readmit(self, robot: int) -> str:  # noqa: ARG002 - all are there
        """See `RobotDriver.readmit`."""
        return ""

    def images(self) -> NDArray[np.uint8]:
        """See `RobotDriver.images`."""
        return self._environment.images()

    def video(self, robot: int) -> NDArray[np.uint8]:
        """See `RobotDriver.video`."""
        return self._environment.video(robot)

    def camera_matrix(self) -> NDArray[np.float64]:
        """See `RobotDriver.camera_matrix`."""
        return self._environment.camera_matrix()

    def close(self) -> None:
        """See `RobotDriver.close`."""
        self._environment.close()
