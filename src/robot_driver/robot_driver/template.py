"""A driver to begin your own with: it is complete, and its robots are points that drive in a plane.

Replace `Point` by what your robots are reached through, and `PointDriver`'s methods, one after the other, by your own.
`RobotDriver` says what each must do, and `DriverConformance` tests it. N robots, S state dim, A action dim.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from fleet_contract.action import ActionKind
from robot_driver.orders import checked_actions
from robot_driver.step import Step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract

OUT_OF_REACH = "does not answer"
NOT_READMITTED = "is back, and waits to be readmitted"


class Point:
    """A stand-in for a robot's own interface: drives to where it is sent, at its own speed, and stops when it is told to."""

    speed_per_s = 20.0
    answers = True

    def __init__(self, position_2: NDArray[np.float64]) -> None:
        self._from_2 = self._to_2 = position_2
        self._since_s = time.monotonic()

    def go(self, to_2: NDArray[np.float64]) -> None:
        """Drive there."""
        self._from_2, self._to_2, self._since_s = self.position_2, to_2, time.monotonic()

    def stop(self) -> None:
        """Stay here."""
        self.go(self.position_2)

    @property
    def moves(self) -> bool:
        """Whether it is still on its way."""
        return not np.array_equal(self.position_2, self._to_2)

    @property
    def position_2(self) -> NDArray[np.float64]:
        """Where it is."""
        way_2 = self._to_2 - self._from_2
        length = float(np.hypot(*way_2))
        gone = self.speed_per_s * (time.monotonic() - self._since_s)
        return np.asarray(self._to_2 if gone >= length else self._from_2 + gone / length * way_2)


class PointDriver:
    """`RobotDriver` of points."""

    def __init__(self, contract: RobotContract, points: list[Point]) -> None:
        self._contract = contract
        self._points = points
        self._unreachable = [""] * len(points)

    @property
    def contract(self) -> RobotContract:
        """See `RobotDriver.contract`."""
        return self._contract

    @property
    def robots(self) -> int:
        """See `RobotDriver.robots`."""
        return len(self._points)

    def start(self, seed: int) -> None:
        """Nothing here is random. Connect to your robots here, without waiting for them."""

    def begin(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> None:
        """See `RobotDriver.begin`."""
        actions_NA = checked_actions(self._contract, self.robots, kinds_N, actions_NA)
        quantities = self._contract.observation.state.quantities
        low_S, high_S = [quantity.low for quantity in quantities], [quantity.high for quantity in quantities]
        unreachable = self.unreachable()
        for robot, point in enumerate(self._points):
            if kinds_N[robot] == ActionKind.MOVE and not unreachable[robot]:
                point.go(np.clip(point.position_2 + actions_NA[robot], low_S, high_S))

    def observed(self) -> Step | None:
        """See `RobotDriver.observed`. A camera's picture must be newer than the motion's end."""
        unreachable = self.unreachable()
        if any(point.moves and not why for point, why in zip(self._points, unreachable, strict=True)):
            return None
        nothing_N = np.zeros(self.robots, dtype=np.bool_)
        return Step(
            states_NS=np.array([point.position_2 for point in self._points]),
            rewards_N=np.zeros(self.robots),
            succeeded_N=nothing_N,
            violated_N=nothing_N.copy(),
            terminated_N=nothing_N.copy(),
            truncated_N=nothing_N.copy(),
        )

    def stop(self) -> None:
        """See `RobotDriver.stop`."""
        for point in self._points:
            point.stop()

    def unreachable(self) -> tuple[str, ...]:
        """See `RobotDriver.unreachable`. Notice silence within 0.2 s, and let the robot's side stop by itself as well."""
        for robot, point in enumerate(self._points):
            if not point.answers:
                point.stop()
                self._unreachable[robot] = OUT_OF_REACH
            elif self._unreachable[robot]:
                self._unreachable[robot] = NOT_READMITTED
        return tuple(self._unreachable)

    def readmit(self, robot: int) -> str:
        """See `RobotDriver.readmit`."""
        if self._points[robot].answers:
            self._unreachable[robot] = ""
        return self._unreachable[robot]

    def images(self) -> NoReturn:
        """These robots have no camera."""
        raise RuntimeError("the contract has no camera")

    def video(self, robot: int) -> NoReturn:
        """Nobody can drive these robots."""
        raise RuntimeError(f"the contract has no operation, so there is no video of robot {robot}")

    def camera_matrix(self) -> NoReturn:
        """These robots have no camera."""
        raise RuntimeError("the contract has no camera")

    def close(self) -> None:
        """See `RobotDriver.close`."""
        self.stop()
