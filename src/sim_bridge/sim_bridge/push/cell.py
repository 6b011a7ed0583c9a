"""The push cell in MuJoCo: all cells step as one batch.

N robots, I some of them, T substeps, H image rows, W image columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim_bridge.headless_mujoco import Batch
from sim_bridge.push.cell_camera import OverheadCamera
from sim_bridge.push.cell_model import push_cell_model
from sim_bridge.push.environment import PushEnvironment
from sim_bridge.push.geometry import PUSH_GEOMETRY, PushGeometry
from sim_bridge.push.matter import TIMESTEP_S
from sim_bridge.push.task import require_push_contract

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract
    from sim_bridge.push.environment import Size
    from sim_bridge.push.plan import PushPlan

PARKED_XY_M = (0.0, -0.6)
"""Out of the picture: an image that showed where the last push ended would tempt a policy to repeat it."""


class PushCell(PushEnvironment):
    """Block pushing around an obstacle (IIFL section 5.3): `robots` cells behind the `Environment` Protocol."""

    def __init__(self, contract: RobotContract, robots: int, threads: int = 1) -> None:
        """`threads` step the cells, 0 for one per processor; the results are the same.

        Raises:
            BadInput: the contract's quantities are not those of this task.
            ValueError: there are no robots.
        """
        if robots < 1:
            msg = f"robots is {robots}, allowed is 1 or more"
            raise ValueError(msg)
        require_push_contract(contract)
        super().__init__(contract, MujocoPush(robots, threads, PushGeometry.of(contract)), robots)


class MujocoPush:
    """`PushPhysics` in MuJoCo. A cell that is not told to push is not stepped, so it stays bit for bit as it is."""

    def __init__(self, robots: int, threads: int, geometry: PushGeometry = PUSH_GEOMETRY) -> None:
        self._geometry = geometry
        model = push_cell_model(geometry=geometry)
        self._batch = Batch(model, robots, threads)
        self._cameras: dict[Size, OverheadCamera] = {}
        cube, pusher = int(model.joint("cube").qposadr[0]), int(model.joint("pusher_x").qposadr[0])
        qpos_NQ = self._batch.bind("qpos")
        self._cubes_N7: NDArray[np.float64] = qpos_NQ[:, cube : cube + 7]
        self._pushers_N4: NDArray[np.float64] = qpos_NQ[:, pusher : pusher + 4]
        self._park(np.arange(robots))

    def place(self, robots_I: NDArray[np.int64], poses_I3: NDArray[np.float64]) -> None:
        """See `PushPhysics.place`."""
        zeros_I = np.zeros(len(robots_I))
        self._cubes_N7[robots_I, :2] = poses_I3[:, :2]
        self._cubes_N7[robots_I, 2] = self._geometry.cube_side_m / 2
        self._cubes_N7[robots_I, 3:] = np.stack(
            [np.cos(poses_I3[:, 2] / 2), zeros_I, zeros_I, np.sin(poses_I3[:, 2] / 2)],
            axis=1,
        )
        self._park(robots_I)

    def push(self, robots_I: NDArray[np.int64], plan: PushPlan) -> NDArray[np.bool_]:
        """See `PushPhysics.push`."""
        path_IT4 = plan.path(TIMESTEP_S)
        # Only the pusher's work at the cube is simulated: on its way there it meets nothing.
        self._pushers_N4[robots_I, :2] = plan.starts_I2
        self._pushers_N4[robots_I, 2] = 0.0
        self._pushers_N4[robots_I, 3] = plan.yaws_I
        recorded = self._batch.rollout(path_IT4.shape[1], path_IT4, record=("sensordata",), ids=robots_I)
        self._park(robots_I)
        return np.asarray(recorded["sensordata"].any(axis=(1, 2)))

    def poses(self) -> NDArray[np.float64]:
        """See `PushPhysics.poses`."""
        w_N, x_N, y_N, z_N = self._cubes_N7[:, 3:].T
        yaws_N = np.arctan2(2 * (w_N * z_N + x_N * y_N), 1 - 2 * (y_N**2 + z_N**2))
        return np.column_stack([self._cubes_N7[:, :2], yaws_N])

    def upright(self) -> NDArray[np.float64]:
        """See `PushPhysics.upright`."""
        tilt_N2 = self._cubes_N7[:, 4:6]
        return np.asarray(1 - 2 * np.sum(tilt_N2**2, axis=1))

    def images(self, robots_I: NDArray[np.int64], goals_I2: NDArray[np.float64], size: Size) -> NDArray[np.uint8]:
        """See `PushPhysics.images`."""
        if size not in self._cameras:
            self._cameras[size] = OverheadCamera(push_cell_model(*size, self._geometry))
        camera = self._cameras[size]
        images = []
        for robot, goal_2 in zip(robots_I, goals_I2, strict=True):
            self._batch.get_data(int(robot), camera.data)
            camera.data.mocap_pos[0, :2] = goal_2
            images.append(camera.draw())
        return np.stack(images)

    def close(self) -> None:
        """See `PushPhysics.close`."""
        while self._cameras:
            self._cameras.popitem()[1].close()

    def _park(self, robots_I: NDArray[np.int64]) -> None:
        """Take the pushers away and bring the cells to rest; nothing of the last push is left to act on the next."""
        self._pushers_N4[robots_I] = (*PARKED_XY_M, 0.0, 0.0)
        self._batch.bind("qvel")[robots_I] = 0.0
        self._batch.bind("qacc_warmstart")[robots_I] = 0.0
        self._batch.bind("time")[robots_I] = 0.0
