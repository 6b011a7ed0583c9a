"""The push cell in Isaac Gym Preview 4, for machines that have it.

Everything of the task is shared with the MuJoCo cell; only the physics is another. It has not been run with the real
simulator: the calls follow NVIDIA's documentation, and tests drive them with a stand-in.

N robots, I some of them, T substeps, H image rows, W image columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from fleet_contract.validation import InputError
from sim_bridge.isaac.process import IsaacProcess
from sim_bridge.push.environment import PushEnvironment
from sim_bridge.push.geometry import PUSH_GEOMETRY, PushGeometry
from sim_bridge.push.matter import TIMESTEP_S
from sim_bridge.push.task import push_camera, require_push_contract

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract
    from sim_bridge.push.environment import Size
    from sim_bridge.push.plan import PushPlan


class IsaacPushCell(PushEnvironment):
    """`robots` push cells behind the `Environment` Protocol, stepped on the GPU."""

    def __init__(self, contract: RobotContract, robots: int) -> None:
        """Start the worker.

        Raises:
            BadInput: the contract's quantities are not those of this task, or Isaac Gym cannot be used here.
            ValueError: there are no robots.
        """
        if robots < 1:
            raise ValueError(f"robots is {robots}, allowed is 1 or more")
        require_push_contract(contract)
        if PushGeometry.of(contract) != PUSH_GEOMETRY:
            half_m = contract.observation.state.quantities[0].high
            raise InputError(
                f"robot {contract.robot}: cube_x: found up to {half_m} m, allowed with backend isaacgym is "
                f"{PUSH_GEOMETRY.workspace_half_m} m."
            )
        camera = push_camera(contract)
        super().__init__(contract, IsaacPush(robots, camera.width, camera.height), robots)


class IsaacPush:
    """`PushPhysics` in the worker's Isaac Gym."""

    def __init__(self, robots: int, width: int, height: int) -> None:
        self._goals_N2 = np.zeros((robots, 2))
        cells = {"robots": robots, "timestep_s": TIMESTEP_S, "width": width, "height": height}
        self._process = IsaacProcess("cells", cells)

    def place(self, robots_I: NDArray[np.int64], poses_I3: NDArray[np.float64]) -> None:
        """See `PushPhysics.place`."""
        count = len(robots_I)
        states_I7 = np.zeros((count, 7))
        states_I7[:, :2] = poses_I3[:, :2]
        states_I7[:, 2] = PUSH_GEOMETRY.cube_side_m / 2
        states_I7[:, 5], states_I7[:, 6] = np.sin(poses_I3[:, 2] / 2), np.cos(poses_I3[:, 2] / 2)
        self._process.ask("place", robots_I, states_I7)

    def push(self, robots_I: NDArray[np.int64], plan: PushPlan) -> NDArray[np.bool_]:
        """See `PushPhysics.push`."""
        return np.asarray(self._process.ask("push", robots_I, plan.path(TIMESTEP_S))[0], dtype=np.bool_)

    def poses(self) -> NDArray[np.float64]:
        """See `PushPhysics.poses`."""
        cubes_N7 = self._cubes()
        x_N, y_N, z_N, w_N = cubes_N7[:, 3:].T
        yaws_N = np.arctan2(2 * (w_N * z_N + x_N * y_N), 1 - 2 * (y_N**2 + z_N**2))
        return np.column_stack([cubes_N7[:, :2], yaws_N])

    def upright(self) -> NDArray[np.float64]:
        """See `PushPhysics.upright`."""
        return np.asarray(1 - 2 * np.sum(self._cubes()[:, 3:5] ** 2, axis=1))

    def images(self, robots_I: NDArray[np.int64], goals_I2: NDArray[np.float64], size: Size) -> NDArray[np.uint8]:
        """See `PushPhysics.images`. Cameras have one size there: of others the images are resized."""
        self._goals_N2[robots_I] = goals_I2
        images_NHW3 = np.asarray(self._process.ask("images", self._goals_N2)[0], dtype=np.uint8)
        return np.stack([_resized(image_HW3, size) for image_HW3 in images_NHW3[robots_I]])

    def close(self) -> None:
        """End the worker."""
        self._process.close()

    def _cubes(self) -> NDArray[np.float64]:
        return np.asarray(self._process.ask("cubes")[0], dtype=np.float64)


def _resized(image_HW3: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    if (image_HW3.shape[1], image_HW3.shape[0]) == size:
        return image_HW3
    return np.asarray(cv2.resize(image_HW3, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
