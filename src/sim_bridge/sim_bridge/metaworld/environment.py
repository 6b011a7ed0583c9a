"""Meta-World as an environment: arms with different tasks, whose physics runs in a worker process.

N robots, I some of them, O = 39 numbers that Meta-World observes, H image rows, W image columns.
"""

from __future__ import annotations

import json
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from sim_bridge.environment_traits import tasks_in_turn
from sim_bridge.metaworld.installation import interpreter, unusable
from sim_bridge.metaworld.task import HAND, METAWORLD_CONTRACT, OBJECT, TASKS, metaworld_name
from sim_bridge.metaworld.worker import FIELD_OF_VIEW_DEG
from sim_bridge.progress import Progress
from sim_bridge.task_robots import TaskRobots, colour_camera, encoded
from sim_bridge.worker.process import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract

HORIZON = 200
"""Moves after which an episode is truncated. Meta-World's own 500 are about five times what its scripts need."""
HIGHEST_REWARD, M_PER_REWARD = 10.0, 0.1
"""Reward of a task that is completed, and the distance to which we equate one point of it: a tenth of a point is progress."""


class Failure(IntEnum):
    """Why a robot waits for a hard reset."""

    NONE = 0
    """It does not wait."""
    STUCK = 1
    """It has made no progress for a long time: its object is no nearer to the goal, nor its hand to the object, nor the reward higher."""


class Metaworld(TaskRobots):
    """Robots that do not meet; after construction they are reset with seed 0.

    A robot that is stuck is in constraint violation until a hard reset; `failures` gives the reason, a `Failure`. Episodes are truncated
    after `HORIZON` moves.
    """

    def __init__(self, contract: RobotContract, robots: int, tasks: Sequence[str] = ()) -> None:
        """Start the worker.

        Args:
            contract: the robots' contract.
            robots: number of robots.
            tasks: tasks of the robots, assigned in turn (default: all of `TASKS`).

        Raises:
            InputError: the contract's quantities are not those of Meta-World, its camera has no colours, there is no such task, or
                Meta-World cannot be used here.
            ValueError: there are no robots.
        """
        super().__init__(contract, robots, HORIZON)
        METAWORLD_CONTRACT.require(contract)
        self._camera = colour_camera(contract)
        self._tasks = tasks_in_turn(tasks, TASKS, robots)
        self._one_hot_NT = np.array([[own == task for task in TASKS] for own in self._tasks], dtype=np.float64)
        self._observed_NO = np.zeros((robots, contract.state_dim - len(TASKS)))
        self._progress = Progress(robots, 3)
        environments = json.dumps([metaworld_name(task) for task in self._tasks])
        self._worker = WorkerProcess(
            "Meta-World", interpreter(), "sim_bridge.metaworld.worker", [environments], unusable
        )
        self.reset(0)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The robots' tasks."""
        return self._tasks

    @override
    def images(self) -> NDArray[np.uint8]:
        """Return the images, (N, H, W, 3), in the contract's size and encoding."""
        (drawn_NHW3,) = self._worker.ask("images", np.array([self._camera.width, self._camera.height]))
        rgb_NHW3 = np.asarray(drawn_NHW3, dtype=np.uint8)
        return encoded(rgb_NHW3, self._camera)

    @override
    def video(self, robot: int) -> NDArray[np.uint8]:
        """Raise RuntimeError: people cannot drive these robots, because a pointer has two axes only."""
        raise RuntimeError("the contract has no operation")

    @override
    def camera_matrix(self) -> NDArray[np.float64]:
        width, height = self._camera.width, self._camera.height
        focal = height / 2 / np.tan(np.radians(FIELD_OF_VIEW_DEG) / 2)
        return np.array([[focal, 0.0, (width - 1) / 2], [0.0, focal, (height - 1) / 2], [0.0, 0.0, 1.0]])

    @override
    def close(self) -> None:
        self._worker.close()

    @override
    def _start(self, robots_I: NDArray[np.int64]) -> None:
        seeds_I = np.array([self._generators[robot].integers(2**31) for robot in robots_I])
        observed_IO, remaining_I, rewards_I = self._worker.ask("start", robots_I, seeds_I)
        self._observed_NO[robots_I] = observed_IO
        self._progress.start(robots_I, self._distances(robots_I, remaining_I, rewards_I))

    @override
    def _move(
        self, robots_I: NDArray[np.int64], actions_IA: NDArray[np.float64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        observed_IO, remaining_I, rewards_I, done_I = self._worker.ask("move", robots_I, actions_IA)
        self._observed_NO[robots_I] = observed_IO
        self._progress.move(robots_I, self._distances(robots_I, remaining_I, rewards_I))
        stuck_I = np.where(self._progress.stuck()[robots_I], Failure.STUCK, Failure.NONE)
        completed_I = np.asarray(done_I, dtype=np.bool_)
        return completed_I, np.where(completed_I, Failure.NONE, stuck_I)

    @override
    def _states(self) -> NDArray[np.float64]:
        return np.hstack([self._observed_NO, self._one_hot_NT])

    def _distances(
        self, robots_I: NDArray[np.int64], remaining_I: NDArray[np.generic], rewards_I: NDArray[np.generic]
    ) -> NDArray[np.float64]:
        """Return what has to become shorter: from object to goal, from hand to object, and what Meta-World rewards, (I, 3), m."""
        observed_IO = self._observed_NO[robots_I]
        to_object_I = np.linalg.norm(observed_IO[:, HAND] - observed_IO[:, OBJECT], axis=1)
        missing_I = (HIGHEST_REWARD - np.asarray(rewards_I)) * M_PER_REWARD
        return np.column_stack([remaining_I, to_object_I, missing_I])
