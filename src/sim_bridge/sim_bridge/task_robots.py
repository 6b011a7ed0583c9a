"""Robots with one task each: the rules by which their episodes begin and end. The base of environments with several tasks.

N robots, I some of them, S state dim, A action dim, H image rows, W image columns.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from fleet_contract.action import ActionKind
from fleet_contract.validation import InputError
from robot_driver.action_check import checked_actions
from robot_driver.step import Step, uneventful_step
from sim_bridge.environment import RobotBatch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_contract.robot import ImageStream, RobotContract

NO_FAILURE = 0
"""Failure of a robot that is not in constraint violation, in the enumeration of every environment."""


class TaskRobots(RobotBatch):
    """Robots that succeed, with reward 1, fail, or are truncated after a number of moves. A failure is a constraint violation."""

    def __init__(self, contract: RobotContract, robots: int, horizon: int) -> None:
        """Raise ValueError if there are no robots."""
        super().__init__(contract, robots)
        quantities = contract.observation.state.quantities
        self._low_S = np.array([quantity.low for quantity in quantities])
        self._high_S = np.array([quantity.high for quantity in quantities])
        self._horizon = horizon
        self._failures_N = np.full(robots, NO_FAILURE, dtype=np.int64)
        self._moves_N = np.zeros(robots, dtype=np.int64)
        self._generators: list[np.random.Generator] = []

    @property
    def failures(self) -> NDArray[np.int64]:
        """Why each robot is in constraint violation, (N,), in the environment's enumeration."""
        return self._failures_N.copy()

    @override
    def reset(self, seed: int) -> Step:
        self._generators = [np.random.default_rng([seed, robot]) for robot in range(self.robots)]
        self._begin(np.arange(self.robots))
        return uneventful_step(self._clipped_states())

    @override
    def step(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> Step:
        actions_NA = checked_actions(self._contract, self.robots, kinds_N, actions_NA)
        moving_N = (np.asarray(kinds_N) == ActionKind.MOVE) & (self._failures_N == NO_FAILURE)
        completed_N = np.zeros(self.robots, dtype=np.bool_)
        if moving_N.any():
            completed_N[moving_N], self._failures_N[moving_N] = self._move(
                np.flatnonzero(moving_N), actions_NA[moving_N]
            )
        self._moves_N += moving_N

        failed_N = self._failures_N != NO_FAILURE
        succeeded_N = completed_N & ~failed_N
        terminated_N = succeeded_N | (np.asarray(kinds_N) == ActionKind.HARD_RESET)
        truncated_N = moving_N & ~failed_N & ~succeeded_N & (self._moves_N >= self._horizon)
        over_N = terminated_N | truncated_N
        if over_N.any():
            self._begin(np.flatnonzero(over_N))
        return Step(
            states_NS=self._clipped_states(),
            rewards_N=succeeded_N.astype(np.float64),
            succeeded_N=succeeded_N,
            violated_N=self._failures_N != NO_FAILURE,
            terminated_N=terminated_N,
            truncated_N=truncated_N,
        )

    @abstractmethod
    def _start(self, robots_I: NDArray[np.int64]) -> None:
        """Start episodes of robots, which draw from `_generators`."""

    @abstractmethod
    def _move(
        self, robots_I: NDArray[np.int64], actions_IA: NDArray[np.float64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Move robots for one tick; return whether each has completed its task, (I,), and its failure, (I,)."""

    @abstractmethod
    def _states(self) -> NDArray[np.float64]:
        """Return the observations, (N, S)."""

    def _begin(self, robots_I: NDArray[np.int64]) -> None:
        self._start(robots_I)
        self._failures_N[robots_I] = NO_FAILURE
        self._moves_N[robots_I] = 0

    def _clipped_states(self) -> NDArray[np.float64]:
        """Return the observations in the contract's ranges, (N, S)."""
        return np.clip(self._states(), self._low_S, self._high_S)


def colour_camera(contract: RobotContract) -> ImageStream:
    """Return the camera of robots whose objects differ in colour.

    Raises:
        InputError: the contract has no camera, or one without colours.
    """
    camera = contract.require_camera()
    if camera.encoding == "mono8":
        raise InputError(f"robot {contract.robot}: observation.camera.encoding: expected rgb8 or bgr8, got mono8.")
    return camera


def encoded(rgb_NHW3: NDArray[np.uint8], camera: ImageStream) -> NDArray[np.uint8]:
    """Return colour images (N, H, W, 3) in the camera's encoding."""
    return rgb_NHW3 if camera.encoding == "rgb8" else rgb_NHW3[..., ::-1].copy()
