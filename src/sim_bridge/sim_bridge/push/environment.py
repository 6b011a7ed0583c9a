"""The push task on any physics: one implementation of its rules for every simulator.

N robots, I some of them, S state dim, A action dim, H image rows, W image columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from fleet_contract.action import ActionKind
from robot_driver.orders import checked_actions
from sim_bridge.push.plan import PushPlan, plan_pushes
from sim_bridge.push.rules import PushRules
from sim_bridge.push.task import PushTask, push_camera, require_push_contract
from sim_bridge.push.view import camera_matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract
    from robot_driver.step import Step

Size = tuple[int, int]
"""W and H of images, pixels."""


class PushPhysics(Protocol):
    """N cells: what a simulator must do for the push task."""

    def place(self, robots_I: NDArray[np.int64], poses_I3: NDArray[np.float64]) -> None:
        """Put cubes down, flat and at rest, at x, y, yaw in m and radians."""

    def push(self, robots_I: NDArray[np.int64], plan: PushPlan) -> NDArray[np.bool_]:
        """Carry out one push each and let the cubes come to rest; other cells do not move.

        Returns:
            Which cubes touched the obstacle or a wall, however briefly, (I,).
        """

    def poses(self) -> NDArray[np.float64]:
        """x, y, yaw of the cubes, (N, 3), m and radians."""

    def upright(self) -> NDArray[np.float64]:
        """Cosine of the cubes' tilt, (N,): 1 when they stand flat."""

    def images(self, robots_I: NDArray[np.int64], goals_I2: NDArray[np.float64], size: Size) -> NDArray[np.uint8]:
        """Overhead images with the goals drawn in, (I, H, W, 3), red green blue."""

    def close(self) -> None:
        """Free what is held."""


class PushEnvironment:
    """`Environment` for the push task of IIFL section 5.3; it has begun with seed 0."""

    def __init__(self, contract: RobotContract, physics: PushPhysics, robots: int) -> None:
        """Raises BadInput if the contract's quantities are not those of the task."""
        require_push_contract(contract)
        self._contract = contract
        self._camera = push_camera(contract)
        self._physics = physics
        self._robots = robots
        self._rules = PushRules(contract, robots)
        self.reset(0)

    @property
    def contract(self) -> RobotContract:
        """What the robots observe and how they are moved."""
        return self._contract

    @property
    def robots(self) -> int:
        """N."""
        return self._robots

    def reset(self, seed: int) -> Step:
        """Begin anew; a seed is 0 or more. See `Environment.reset`."""
        poses_N3 = self._task.start(seed)
        self._physics.place(np.arange(self.robots), poses_N3)
        self._rules.put_right(np.arange(self.robots), poses_N3[:, :2])
        nothing_N = np.zeros(self.robots, dtype=np.bool_)
        return self._rules.outcome(self._physics.poses(), nothing_N, nothing_N)

    def step(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> Step:
        """Push, hold or reset all at once. See `Environment.step` for arguments and errors, and `PushRules.judge`."""
        actions_NA = checked_actions(self._contract, self.robots, kinds_N, actions_NA)
        pushed_N = self._rules.pushes(kinds_N, actions_NA)
        touched_N = np.zeros(self.robots, dtype=np.bool_)
        pushed_I = np.flatnonzero(pushed_N)
        if len(pushed_I):
            plan = plan_pushes(self._physics.poses()[pushed_I], actions_NA[pushed_I], self._task.geometry)
            touched_N[pushed_I] = self._physics.push(pushed_I, plan)
        succeeded_N = self._rules.judge(pushed_N, touched_N, self._physics.poses(), self._physics.upright())

        reset_N = np.asarray(kinds_N) == ActionKind.HARD_RESET
        reset_I = np.flatnonzero(reset_N)
        if len(reset_I):
            poses_I3 = self._task.reset(reset_I)
            self._physics.place(reset_I, poses_I3)
            self._rules.put_right(reset_I, poses_I3[:, :2])
        return self._rules.outcome(self._physics.poses(), succeeded_N, reset_N)

    def images(self) -> NDArray[np.uint8]:
        """What the cameras see now, (N, H, W, 3), in the contract's size and encoding. Call it from one thread only."""
        size = self._camera.width, self._camera.height
        rgb_NHW3 = self._physics.images(np.arange(self.robots), self._task.goals_N2, size)
        return rgb_NHW3 if self._camera.encoding == "rgb8" else rgb_NHW3[..., ::-1].copy()

    def video(self, robot: int) -> NDArray[np.uint8]:
        """What an operator sees of one robot, (H, W, 3). Call it from the thread that calls `images`."""
        if self._contract.operation is None:
            raise RuntimeError("the contract has no operation")
        video = self._contract.operation.video
        robots_I = np.array([robot])
        (picture,) = self._physics.images(robots_I, self._task.goals_N2[robots_I], (video.width, video.height))
        return np.asarray(picture, dtype=np.uint8)

    def camera_matrix(self) -> NDArray[np.float64]:
        """Intrinsics of the cameras, (3, 3), pixels: a pinhole without distortion."""
        return camera_matrix(self._camera.width, self._camera.height, self._task.geometry)

    def close(self) -> None:
        """Free the renderer and the simulation; may be called again."""
        self._physics.close()

    @property
    def _task(self) -> PushTask:
        return self._rules.task
