"""A template for your own driver: it is complete, and its robots are points that move in a plane.

Replace `Point` by the interface of your robots, and the methods of `PointDriver`, one after the other, by your own.
`RobotDriver` documents what each method must do, and `DriverConformance` tests it. N robots, S state dim, A action dim.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from fleet_contract.action import ActionKind
from robot_driver.action_check import checked_actions
from robot_driver.cameras import NoCameras
from robot_driver.driver import RobotDriver
from robot_driver.step import Step, uneventful_step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract

NO_ANSWER = "does not answer"
NOT_READMITTED = "reachable again, waiting to be readmitted"


class Point:
    """A stand-in for a robot's own interface: it moves to its target at its own speed, and can be stopped."""

    speed_per_s = 20.0
    answers = True

    def __init__(self, position_2: NDArray[np.float64]) -> None:
        self._start_2 = self._target_2 = position_2
        self._start_s = time.monotonic()

    def go(self, target_2: NDArray[np.float64]) -> None:
        """Move to a target."""
        self._start_2, self._target_2, self._start_s = self.position_2, target_2, time.monotonic()

    def stop(self) -> None:
        """Stop at the present position."""
        self.go(self.position_2)

    @property
    def moves(self) -> bool:
        """Whether it has not reached its target yet."""
        return not np.array_equal(self.position_2, self._target_2)

    @property
    def position_2(self) -> NDArray[np.float64]:
        """The present position."""
        path_2 = self._target_2 - self._start_2
        length = float(np.hypot(*path_2))
        travelled = self.speed_per_s * (time.monotonic() - self._start_s)
        return np.asarray(self._target_2 if travelled >= length else self._start_2 + travelled / length * path_2)


class PointDriver(NoCameras, RobotDriver):
    """Drives points. A driver of robots with cameras implements `Cameras` instead of deriving from `NoCameras`."""

    def __init__(self, contract: RobotContract, points: list[Point]) -> None:
        self._contract = contract
        self._points = points
        self._unreachable = [""] * len(points)

    @property
    @override
    def contract(self) -> RobotContract:
        return self._contract

    @property
    @override
    def robots(self) -> int:
        return len(self._points)

    @override
    def start(self, seed: int) -> None:
        """Do nothing: there is no randomness. Connect to your robots here, without waiting for them."""

    @override
    def begin(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> None:
        actions_NA = checked_actions(self._contract, self.robots, kinds_N, actions_NA)
        quantities = self._contract.observation.state.quantities
        low_S, high_S = [quantity.low for quantity in quantities], [quantity.high for quantity in quantities]
        unreachable = self.unreachable()
        for robot, point in enumerate(self._points):
            if kinds_N[robot] == ActionKind.MOVE and not unreachable[robot]:
                point.go(np.clip(point.position_2 + actions_NA[robot], low_S, high_S))

    @override
    def observed(self) -> Step | None:
        """Return None until all motions have ended; images must be newer than the end of the motion."""
        unreachable = self.unreachable()
        if any(point.moves and not reason for point, reason in zip(self._points, unreachable, strict=True)):
            return None
        return uneventful_step(np.array([point.position_2 for point in self._points]))

    @override
    def stop(self) -> None:
        for point in self._points:
            point.stop()

    @override
    def unreachable(self) -> tuple[str, ...]:
        """Detect a lost connection within 0.2 s; the robot's own side must stop it by itself as well."""
        for robot, point in enumerate(self._points):
            if not point.answers:
                point.stop()
                self._unreachable[robot] = NO_ANSWER
            elif self._unreachable[robot]:
                self._unreachable[robot] = NOT_READMITTED
        return tuple(self._unreachable)

    @override
    def readmit(self, robot: int) -> str:
        if self._points[robot].answers:
            self._unreachable[robot] = ""
        return self._unreachable[robot]

    @override
    def close(self) -> None:
        self.stop()
