"""A simulation as a robot driver: its robots are always reachable, and their actions are finished immediately.

N robots, A action dim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from robot_driver.driver import RobotDriver

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract
    from robot_driver.step import Step
    from sim_bridge.environment import Environment


class SimulatedDriver(RobotDriver):
    """Drives the robots of an environment."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._step: Step | None = None

    @property
    @override
    def contract(self) -> RobotContract:
        return self._environment.contract

    @property
    @override
    def robots(self) -> int:
        return self._environment.robots

    @override
    def start(self, seed: int) -> None:
        self._step = self._environment.reset(seed)

    @override
    def begin(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> None:
        self._step = self._environment.step(kinds_N, actions_NA)

    @override
    def observed(self) -> Step | None:
        return self._step

    @override
    def stop(self) -> None:
        """Do nothing: nothing moves between two steps."""

    @override
    def unreachable(self) -> tuple[str, ...]:
        return ("",) * self.robots

    @override
    def readmit(self, robot: int) -> str:
        return ""

    @override
    def images(self) -> NDArray[np.uint8]:
        return self._environment.images()

    @override
    def video(self, robot: int) -> NDArray[np.uint8]:
        return self._environment.video(robot)

    @override
    def camera_matrix(self) -> NDArray[np.float64]:
        return self._environment.camera_matrix()

    @override
    def close(self) -> None:
        self._environment.close()
