"""A push cell under an arm: what the arm's tool does to the cube, in MuJoCo."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from sim_bridge.headless_mujoco import mujoco
from sim_bridge.push.cell_model import push_cell_model
from sim_bridge.push.matter import TIMESTEP_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_bridge.push.geometry import PushGeometry
    from yumi_driver.cell import Workspace
    from yumi_driver.pose import Pose

FREE_M = 0.03
"""Lift at which the pusher meets nothing, and goes wherever the arm takes it."""


class PushedCell:
    """A `Tool`: a pusher, and a cube that it pushes. May be used by several threads."""

    def __init__(self, workspace: Workspace, geometry: PushGeometry, period_s: float) -> None:
        """`period_s` is the controller's."""
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

    def moved(self, tip: Pose, previous: Pose) -> None:
        """See `Tool.moved`."""
        first_4, last_4 = self._pusher_at(previous), self._pusher_at(tip)
        with self._lock:
            last_4[3] = self._same_pusher(last_4[3], self._pusher_4[3])
            first_4[3] = self._same_pusher(first_4[3], last_4[3])
            if last_4[2] >= FREE_M:
                self._pusher_4[:], self._pusher_velocity_4[:] = last_4, 0.0
            for step in range(1, self._substeps + 1):
                self._data.ctrl[:] = first_4 + (last_4 - first_4) * step / self._substeps
                mujoco.mj_step(self._model, self._data)

    def put(self, x_m: float, y_m: float, yaw_rad: float) -> None:
        """A hand puts the cube down, flat and at rest."""
        with self._lock:
            self._cube_7[:] = (x_m, y_m, self._cube_half_m, np.cos(yaw_rad / 2), 0.0, 0.0, np.sin(yaw_rad / 2))
            self._data.qvel[:] = 0.0
            self._data.qacc_warmstart[:] = 0.0

    @property
    def cube_3(self) -> NDArray[np.float64]:
        """Where the cube really is: x, y, yaw, (3,), m and radians."""
        with self._lock:
            x_m, y_m, _, w, x, y, z = self._cube_7
        return np.array([x_m, y_m, np.arctan2(2 * (w * z + x * y), 1 - 2 * (y**2 + z**2))])

    def show(self, data: mujoco.MjData) -> None:
        """Copy the scene for a camera; the goal is no thing that a camera could see."""
        with self._lock:
            data.qpos[:] = self._data.qpos
        data.mocap_pos[0] = (0.0, 0.0, -1.0)

    def _pusher_at(self, flange: Pose) -> NDArray[np.float64]:
        """x, y, lift and yaw of the pusher, (4,)."""
        place_3, yaw = self._workspace.foot(flange)
        return np.array([*place_3, yaw])

    @staticmethod
    def _same_pusher(yaw: float, before: float) -> float:
        """The yaw of which the way from before is the shortest."""
        return float(before + (yaw - before + np.pi) % (2 * np.pi) - np.pi)
