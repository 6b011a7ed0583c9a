"""The push cell in Isaac Gym Preview 4, for machines that have it.

The task is shared with the MuJoCo cell; only the physics differs. It has not been run with the real simulator: the calls follow
NVIDIA's documentation and are tested with a stand-in.

N robots, I some of them, T substeps, H image rows, W image columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from typing_extensions import override

from fleet_contract.validation import InputError
from sim_bridge.isaac.process import IsaacProcess
from sim_bridge.push.environment import PushEnvironment, PushPhysics
from sim_bridge.push.geometry import PUSH_GEOMETRY, PushGeometry
from sim_bridge.push.matter import TIMESTEP_S
from sim_bridge.push.task import push_camera

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract
    from sim_bridge.push.environment import Size
    from sim_bridge.push.plan import PushPlan


class IsaacPushCell(PushEnvironment):
    """Block pushing around an obstacle (IIFL section 5.3) in Isaac Gym, on the GPU."""

    def __init__(self, contract: RobotContract, robots: int) -> None:
        """Start the worker.

        Raises:
            InputError: the contract's quantities are not those of this task, or Isaac Gym cannot be used here.
            ValueError: there are no robots.
        """
        super().__init__(contract, robots, lambda: _physics(contract, robots))


class IsaacPush(PushPhysics):
    """The push cells in the worker's Isaac Gym."""

    def __init__(self, robots: int, width: int, height: int) -> None:
        self._goals_N2 = np.zeros((robots, 2))
        cells = {"robots": robots, "timestep_s": TIMESTEP_S, "width": width, "height": height}
        self._process = IsaacProcess("cells", cells)

    @override
    def place(self, robots_I: NDArray[np.int64], poses_I3: NDArray[np.float64]) -> None:
        count = len(robots_I)
        states_I7 = np.zeros((count, 7))
        states_I7[:, :2] = poses_I3[:, :2]
        states_I7[:, 2] = PUSH_GEOMETRY.cube_side_m / 2
        states_I7[:, 5], states_I7[:, 6] = np.sin(poses_I3[:, 2] / 2), np.cos(poses_I3[:, 2] / 2)
        self._process.ask("place", robots_I, states_I7)

    @override
    def push(self, robots_I: NDArray[np.int64], plan: PushPlan) -> NDArray[np.bool_]:
        return np.asarray(self._process.ask("push", robots_I, plan.path(TIMESTEP_S))[0], dtype=np.bool_)

    @override
    def poses(self) -> NDArray[np.float64]:
        cubes_N7 = self._cubes()
        x_N, y_N, z_N, w_N = cubes_N7[:, 3:].T
        yaws_N = np.arctan2(2 * (w_N * z_N + x_N * y_N), 1 - 2 * (y_N**2 + z_N**2))
        return np.column_stack([cubes_N7[:, :2], yaws_N])

    @override
    def upright(self) -> NDArray[np.float64]:
        return np.asarray(1 - 2 * np.sum(self._cubes()[:, 3:5] ** 2, axis=1))

    @override
    def images(self, robots_I: NDArray[np.int64], goals_I2: NDArray[np.float64], size: Size) -> NDArray[np.uint8]:
        """Return overhead images, (I, H, W, 3). Isaac Gym's cameras have one size; images of other sizes are resized."""
        self._goals_N2[robots_I] = goals_I2
        images_NHW3 = np.asarray(self._process.ask("images", self._goals_N2)[0], dtype=np.uint8)
        return np.stack([_resized(image_HW3, size) for image_HW3 in images_NHW3[robots_I]])

    @override
    def close(self) -> None:
        self._process.close()

    def _cubes(self) -> NDArray[np.float64]:
        return np.asarray(self._process.ask("cubes")[0], dtype=np.float64)


def _physics(contract: RobotContract, robots: int) -> IsaacPush:
    if PushGeometry.of(contract) != PUSH_GEOMETRY:
        raise InputError(
            f"robot {contract.robot}: cube_x: expected up to {PUSH_GEOMETRY.workspace_half_m} m with backend isaacgym, "
            f"got {contract.observation.state.quantities[0].high} m."
        )
    camera = push_camera(contract)
    return IsaacPush(robots, camera.width, camera.height)


def _resized(image_HW3: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    if (image_HW3.shape[1], image_HW3.shape[0]) == size:
        return image_HW3
    return np.asarray(cv2.resize(image_HW3, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
