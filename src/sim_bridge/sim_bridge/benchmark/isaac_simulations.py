"""Simulations of the benchmark's models in Isaac Gym Preview 4.

They have not been run with the real simulator: the calls follow NVIDIA's documentation and are tested with a stand-in.

N robots, F free bodies, J joints, C controls, V degrees of freedom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from typing_extensions import override

from sim_bridge.benchmark.isaac_scene import free_joints, hinged, scene_of, touch_sensors
from sim_bridge.benchmark.simulated_elsewhere import SimulatedElsewhere
from sim_bridge.benchmark.turning import into_body, into_world, matrices
from sim_bridge.headless_mujoco import mujoco
from sim_bridge.isaac.process import IsaacProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


class IsaacSimulations(SimulatedElsewhere):
    """Isaac Gym detects touches; forces and torques are computed by MuJoCo in the same state."""

    def __init__(self, model: mujoco.MjModel, robots: int) -> None:
        """Start Isaac Gym.

        Raises:
            InputError: Isaac Gym cannot be used here.
            ValueError: the model has parts that cannot be described to Isaac Gym.
        """
        super().__init__(model, robots, ("qpos", "qvel", "ctrl"), ("sensordata",), stage=None)
        joints, free = hinged(model), free_joints(model)
        self._places_J, self._speeds_J = model.jnt_qposadr[joints], model.jnt_dofadr[joints]
        self._free_F = list(zip(model.jnt_qposadr[free], model.jnt_dofadr[free], strict=True))
        self._driven_C = np.array([joints.index(joint) for joint in model.actuator_trnid[:, 0]])
        self._touch_D = model.sensor_adr[touch_sensors(model)]
        self._touches_NB: NDArray[np.generic] = np.zeros((robots, len(self._touch_D)), dtype=np.bool_)
        self._process = IsaacProcess("robots", {"robots": robots, **scene_of(model)})

    @override
    def advance(self, substeps: int) -> Mapping[str, NDArray[Any]]:
        roots_NF13, joints_NJ2, self._touches_NB = self._process.ask(
            "step", self._roots(), self._joints(), self._controls(), np.array(substeps)
        )
        qpos_NQ, qvel_NV = self._arrays["qpos"].copy(), self._arrays["qvel"].copy()
        for index, (place, speed) in enumerate(self._free_F):
            root_N13 = roots_NF13[:, index].astype(np.float64)
            qpos_NQ[:, place : place + 3] = root_N13[:, :3]
            qpos_NQ[:, place + 3 : place + 7] = np.roll(root_N13[:, 3:7], 1, axis=1)
            qvel_NV[:, speed : speed + 3] = root_N13[:, 7:10]
            qvel_NV[:, speed + 3 : speed + 6] = into_body(matrices(qpos_NQ[:, place + 3 : place + 7]), root_N13[:, 10:])
        qpos_NQ[:, self._places_J], qvel_NV[:, self._speeds_J] = joints_NJ2[..., 0], joints_NJ2[..., 1]
        return {"qpos": qpos_NQ, "qvel": qvel_NV}

    @override
    def derive(self) -> Mapping[str, NDArray[Any]]:
        return {}

    @override
    def step(self, ids: NDArray[np.int64], nstep: int = 1, stage: int = 0) -> None:
        super().step(ids, nstep, stage)
        self._arrays["sensordata"][np.ix_(ids, self._touch_D)] = self._touches_NB[ids]

    @override
    def close(self) -> None:
        self._process.close()

    @override
    def _update_host(self, ids: NDArray[np.int64]) -> None:
        super()._update_host(ids)
        self._arrays["sensordata"][ids] = self._host.bind("sensordata")[ids]

    def _roots(self) -> NDArray[np.float32]:
        """Return position, quaternion as x, y, z, w, and velocities along and about the world's axes, (N, F, 13)."""
        qpos_NQ, qvel_NV = self._arrays["qpos"], self._arrays["qvel"]
        roots_NF13 = np.zeros((self.nsim, len(self._free_F), 13), dtype=np.float32)
        for index, (place, speed) in enumerate(self._free_F):
            quaternion_N4 = qpos_NQ[:, place + 3 : place + 7]
            roots_NF13[:, index, :3] = qpos_NQ[:, place : place + 3]
            roots_NF13[:, index, 3:7] = np.roll(quaternion_N4, -1, axis=1)
            roots_NF13[:, index, 7:10] = qvel_NV[:, speed : speed + 3]
            roots_NF13[:, index, 10:] = into_world(matrices(quaternion_N4), qvel_NV[:, speed + 3 : speed + 6])
        return roots_NF13

    def _joints(self) -> NDArray[np.float32]:
        places_NJ, speeds_NJ = self._arrays["qpos"][:, self._places_J], self._arrays["qvel"][:, self._speeds_J]
        return np.stack([places_NJ, speeds_NJ], axis=-1, dtype=np.float32)

    def _controls(self) -> NDArray[np.float32]:
        """Return the target, the force or the torque of every joint, (N, J); zero for joints without actuator."""
        model = self.model
        low_C, high_C = np.where(model.actuator_ctrllimited[:, None], model.actuator_ctrlrange, (-np.inf, np.inf)).T
        follows_C = model.actuator_biastype == mujoco.mjtBias.mjBIAS_AFFINE.value
        scales_C = np.where(follows_C, 1.0, model.actuator_gear[:, 0] * model.actuator_gainprm[:, 0])
        controls_NJ = np.zeros((self.nsim, len(self._places_J)), dtype=np.float32)
        controls_NJ[:, self._driven_C] = scales_C * np.clip(self._arrays["ctrl"], low_C, high_C)
        return controls_NJ
