"""The push cell in MuJoCo, where all cells step as one batch.

N robots, I some of them, T substeps, H image rows, W image columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from sim_bridge.headless_mujoco import Batch
from sim_bridge.overhead_camera import OverheadCamera
from sim_bridge.push.cell_model import push_cell_model
from sim_bridge.push.environment import PushEnvironment, PushPhysics
from sim_bridge.push.geometry import PUSH_GEOMETRY, PushGeometry
from sim_bridge.push.matter import TIMESTEP_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract
    from sim_bridge.push.environment import Size
    from sim_bridge.push.plan import PushPlan

PARKED_XY_M = (0.0, -0.6)
"""Outside of the image: a policy that sees where the last push ended would be tempted to repeat it."""


class PushCell(PushEnvironment):
    """Block pushing around an obstacle (IIFL section 5.3) in MuJoCo."""

    def __init__(self, contract: RobotContract, robots: int, threads: int = 1) -> None:
        """Create the cells.

        Args:
            contract: the robots' contract.
            robots: number of cells.
            threads: threads that step the cells, 0 for one per processor; they do not change the results.

        Raises:
            InputError: the contract's quantities are not those of this task.
            ValueError: there are no robots.
        """
        super().__init__(contract, robots, lambda: MujocoPush(robots, threads, PushGeometry.of(contract)))


class MujocoPush(PushPhysics):
    """The push cell in MuJoCo. A cell without a push is not stepped, so that its state stays bit for bit the same."""

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

    @override
    def place(self, robots_I: NDArray[np.int64], poses_I3: NDArray[np.float64]) -> None:
        zeros_I = np.zeros(len(robots_I))
        self._cubes_N7[robots_I, :2] = poses_I3[:, :2]
        self._cubes_N7[robots_I, 2] = self._geometry.cube_side_m / 2
        self._cubes_N7[robots_I, 3:] = np.stack(
            [np.cos(poses_I3[:, 2] / 2), zeros_I, zeros_I, np.sin(poses_I3[:, 2] / 2)],
            axis=1,
        )
        self._park(robots_I)

    @override
    def push(self, robots_I: NDArray[np.int64], plan: PushPlan) -> NDArray[np.bool_]:
        path_IT4 = plan.path(TIMESTEP_S)
        # Only the motion at the cube is simulated: on its path there the pusher touches nothing.
        self._pushers_N4[robots_I, :2] = plan.starts_I2
        self._pushers_N4[robots_I, 2] = 0.0
        self._pushers_N4[robots_I, 3] = plan.yaws_I
        recorded = self._batch.rollout(path_IT4.shape[1], path_IT4, record=("sensordata",), ids=robots_I)
        self._park(robots_I)
        return np.asarray(recorded["sensordata"].any(axis=(1, 2)))

    @override
    def poses(self) -> NDArray[np.float64]:
        w_N, x_N, y_N, z_N = self._cubes_N7[:, 3:].T
        yaws_N = np.arctan2(2 * (w_N * z_N + x_N * y_N), 1 - 2 * (y_N**2 + z_N**2))
        return np.column_stack([self._cubes_N7[:, :2], yaws_N])

    @override
    def upright(self) -> NDArray[np.float64]:
        tilt_N2 = self._cubes_N7[:, 4:6]
        return np.asarray(1 - 2 * np.sum(tilt_N2**2, axis=1))

    @override
    def images(self, robots_I: NDArray[np.int64], goals_I2: NDArray[np.float64], size: Size) -> NDArray[np.uint8]:
        if size not in self._cameras:
            self._cameras[size] = OverheadCamera(push_cell_model(*size, self._geometry))
        camera = self._cameras[size]
        images = []
        for robot, goal_2 in zip(robots_I, goals_I2, strict=True):
            self._batch.get_data(int(robot), camera.data)
            camera.data.mocap_pos[0, :2] = goal_2
            images.append(camera.draw())
        return np.stack(images)

    @override
    def close(self) -> None:
        while self._cameras:
            self._cameras.popitem()[1].close()

    def _park(self, robots_I: NDArray[np.int64]) -> None:
        """Move the pushers away and bring the cells to rest, so that no state of the last push affects the next one."""
        self._pushers_N4[robots_I] = (*PARKED_XY_M, 0.0, 0.0)
        self._batch.bind("qvel")[robots_I] = 0.0
        self._batch.bind("qacc_warmstart")[robots_I] = 0.0
        self._batch.bind("time")[robots_I] = 0.0
