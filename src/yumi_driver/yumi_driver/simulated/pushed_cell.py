"""A push cell under an arm: simulates the contact of the tool and the cube in MuJoCo."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from sim_bridge.headless_mujoco import mujoco
from sim_bridge.push.cell_model import push_cell_model
from sim_bridge.push.matter import TIMESTEP_S
from yumi_driver.sim_controller.tool import Tool

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_bridge.push.geometry import PushGeometry
    from yumi_driver.cell import Workspace
    from yumi_driver.pose import Pose

FREE_M = 0.03
"""Lift above which the pusher touches nothing and follows the arm exactly, m."""


class PushedCell(Tool):
    """A `Tool`: a pusher, and a cube that it pushes. Thread-safe."""

    def __init__(self, workspace: Workspace, geometry: PushGeometry, period_s: float) -> None:
        """Create a cell; `period_s` is the period of the controller, s."""
        self._workspace = workspace
        self._cube_half_m = geometry.cube_side_m / 2
        self._substeps = max(1, round(period_s / TIMESTEP_S))
        self._model = push_cell_model(geometry=geometry)
        self._data = mujoco.MjData(self._model)
        self._lock = threading.Lock()
        cube, pusher = (int(self._model.joint(name).qposadr[0]) for name in ("cube", "pusher_x"))
        self._cube_7: NDArray[np.float64] = self._data.qpos[cube : cube + 7]
        self._pusher_4: NDArray[np.float64] = self._data.qpos[pusher : pusher + 4]
        velocity = int(self._model.joint("pusher_x").dofadr[0])
        self._pusher_velocity_4: NDArray[np.float64] = self._data.qvel[velocity : velocity + 4]
        self._pusher_4[:] = (0.0, -1.0, FREE_M, 0.0)

    @override
    def moved(self, tip: Pose, previous: Pose) -> None:
        first_4, last_4 = self._pusher_at(previous), self._pusher_at(tip)
        with self._lock:
            last_4[3] = self._nearest_yaw(last_4[3], self._pusher_4[3])
            first_4[3] = self._nearest_yaw(first_4[3], last_4[3])
            if last_4[2] >= FREE_M:
                self._pusher_4[:], self._pusher_velocity_4[:] = last_4, 0.0
            for step in range(1, self._substeps + 1):
                self._data.ctrl[:] = first_4 + (last_4 - first_4) * step / self._substeps
                mujoco.mj_step(self._model, self._data)

    def put(self, x_m: float, y_m: float, yaw_rad: float) -> None:
        """Put the cube down, flat and at rest."""
        with self._lock:
            self._cube_7[:] = (x_m, y_m, self._cube_half_m, np.cos(yaw_rad / 2), 0.0, 0.0, np.sin(yaw_rad / 2))
            self._data.qvel[:] = 0.0
            self._data.qacc_warmstart[:] = 0.0

    @property
    def cube_3(self) -> NDArray[np.float64]:
        """True pose of the cube: x, y, yaw, (3,), m and radians."""
        with self._lock:
            x_m, y_m, _, w, x, y, z = self._cube_7
        return np.array([x_m, y_m, np.arctan2(2 * (w * z + x * y), 1 - 2 * (y**2 + z**2))])

    def show(self, data: mujoco.MjData) -> None:
        """Copy the scene for a camera, without the goal, which cameras do not see."""
        with self._lock:
            data.qpos[:] = self._data.qpos
        data.mocap_pos[0] = (0.0, 0.0, -1.0)

    def _pusher_at(self, flange: Pose) -> NDArray[np.float64]:
        """Return x, y, lift and yaw of the pusher, (4,)."""
        position_3, yaw = self._workspace.foot(flange)
        return np.array([*position_3, yaw])

    @staticmethod
    def _nearest_yaw(yaw: float, before: float) -> float:
        """Return the equivalent yaw nearest to the one before."""
        return float(before + (yaw - before + np.pi) % (2 * np.pi) - np.pi)
