"""The push task, independent of the simulator: every simulator implements `PushPhysics` and shares the rules.

N robots, I some of them, S state dim, A action dim, H image rows, W image columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from typing_extensions import override

from fleet_contract.action import ActionKind
from robot_driver.action_check import checked_actions
from robot_driver.step import uneventful_step
from sim_bridge.environment import RobotBatch
from sim_bridge.push.plan import PushPlan, plan_pushes
from sim_bridge.push.rules import PushRules
from sim_bridge.push.task import PushTask, push_camera, require_push_contract
from sim_bridge.push.view import camera_matrix

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract
    from robot_driver.step import Step

Size = tuple[int, int]
"""Width and height of images, pixels."""


class PushPhysics(Protocol):
    """N cells: the interface of a simulator of the push task."""

    def place(self, robots_I: NDArray[np.int64], poses_I3: NDArray[np.float64]) -> None:
        """Place cubes flat and at rest at x, y and yaw, m and radians."""

    def push(self, robots_I: NDArray[np.int64], plan: PushPlan) -> NDArray[np.bool_]:
        """Carry out one push each until the cubes are at rest; other cells do not move.

        Returns:
            Whether each cube touched the obstacle or a wall, however briefly, (I,).
        """

    def poses(self) -> NDArray[np.float64]:
        """Return x, y and yaw of the cubes, (N, 3), m and radians."""

    def upright(self) -> NDArray[np.float64]:
        """Return the cosine of the cubes' tilt, (N,): 1 for cubes that lie flat."""

    def images(self, robots_I: NDArray[np.int64], goals_I2: NDArray[np.float64], size: Size) -> NDArray[np.uint8]:
        """Return overhead images with the goals drawn in, (I, H, W, 3), red green blue."""

    def close(self) -> None:
        """Free all resources; may be called again."""


class PushEnvironment(RobotBatch):
    """The push task of IIFL section 5.3; after construction the cells are reset with seed 0."""

    def __init__(self, contract: RobotContract, robots: int, make_physics: Callable[[], PushPhysics]) -> None:
        """Create the cells.

        Args:
            contract: the robots' contract.
            robots: number of cells.
            make_physics: creates their physics, after the contract has been checked.

        Raises:
            InputError: the contract's quantities are not those of the task.
            ValueError: there are no robots.
        """
        super().__init__(contract, robots)
        require_push_contract(contract)
        self._camera = push_camera(contract)
        self._physics = make_physics()
        self._rules = PushRules(contract, robots)
        self.reset(0)

    @override
    def reset(self, seed: int) -> Step:
        poses_N3 = self._task.start(seed)
        self._physics.place(np.arange(self.robots), poses_N3)
        self._rules.put_right(np.arange(self.robots), poses_N3[:, :2])
        return uneventful_step(self._task.states(self._physics.poses()))

    @override
    def step(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> Step:
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

    @override
    def images(self) -> NDArray[np.uint8]:
        """Return the images, (N, H, W, 3), in the contract's size and encoding. Call it always from the same thread."""
        size = self._camera.width, self._camera.height
        rgb_NHW3 = self._physics.images(np.arange(self.robots), self._task.goals_N2, size)
        return rgb_NHW3 if self._camera.encoding == "rgb8" else rgb_NHW3[..., ::-1].copy()

    @override
    def video(self, robot: int) -> NDArray[np.uint8]:
        """Return what an operator sees of one robot, (H, W, 3). Call it from the thread that calls `images`."""
        if self._contract.operation is None:
            raise RuntimeError("the contract has no operation")
        video = self._contract.operation.video
        robots_I = np.array([robot])
        (image_HW3,) = self._physics.images(robots_I, self._task.goals_N2[robots_I], (video.width, video.height))
        return np.asarray(image_HW3, dtype=np.uint8)

    @override
    def camera_matrix(self) -> NDArray[np.float64]:
        return camera_matrix(self._camera.width, self._camera.height, self._task.geometry)

    @override
    def close(self) -> None:
        self._physics.close()

    @property
    def _task(self) -> PushTask:
        return self._rules.task
