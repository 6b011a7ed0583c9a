"""Simulations in Isaac Gym Preview 4, of the same models.

It has not been run with the real simulator: the calls follow NVIDIA's documentation, and tests drive them with a stand-in.

N robots, F free bodies, J joints, C controls, V degrees of freedom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sim_bridge.benchmark.isaac_scene import WRENCH, free_joints, hinged, scene_of
from sim_bridge.benchmark.simulated_elsewhere import SimulatedElsewhere
from sim_bridge.benchmark.turning import into_body, into_world, matrices
from sim_bridge.headless_mujoco import mujoco
from sim_bridge.isaac_process import IsaacProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


class IsaacSimulations(SimulatedElsewhere):
    """`Simulations`. Sensors tell nothing before the first step of an episode."""

    def __init__(self, model: mujoco.MjModel, robots: int) -> None:
        """Start Isaac Gym.

        Raises:
            BadInput: Isaac Gym cannot be used here.
            ValueError: the model has what cannot be told.
        """
        super().__init__(model, robots, ("qpos", "qvel", "ctrl"), ("sensordata", "actuator_force"))
        joints, free = hinged(model), free_joints(model)
        self._places_J, self._speeds_J = model.jnt_qposadr[joints], model.jnt_dofadr[joints]
        self._free_F = list(zip(model.jnt_qposadr[free], model.jnt_dofadr[free], strict=True))
        self._driven_C = np.array([joints.index(joint) for joint in model.actuator_trnid[:, 0]])
        self._process = IsaacProcess("robots", {"robots": robots, **scene_of(model)})

    def advance(self, substeps: int) -> Mapping[str, NDArray[Any]]:
        """See `SimulatedElsewhere.advance`."""
        roots_NF13, joints_NJ2, wrenches_NW6, touches_NB = self._process.ask(
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
        return {
            "qpos": qpos_NQ,
            "qvel": qvel_NV,
            "sensordata": self._sensed(wrenches_NW6, touches_NB),
            "actuator_force": self._forces(qpos_NQ, qvel_NV),
        }

    def outputs(self) -> Mapping[str, NDArray[Any]]:
        """See `SimulatedElsewhere.outputs`."""
        return {name: np.zeros_like(self._arrays[name]) for name in ("sensordata", "actuator_force")}

    def close(self) -> None:
        """End Isaac Gym."""
        self._process.close()

    def _roots(self) -> NDArray[np.float32]:
        """Position, quaternion as x, y, z, w, and velocities along and about the world's axes."""
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
        """Of every joint the target, the force or torque, or nothing."""
        controls_NJ = np.zeros((self.nsim, len(self._places_J)), dtype=np.float32)
        controls_NJ[:, self._driven_C] = self._within(self._arrays["ctrl"]) * self._gears()
        return controls_NJ

    def _within(self, ctrl_NC: NDArray[np.float64]) -> NDArray[np.float64]:
        model = self.model
        low_C, high_C = np.where(model.actuator_ctrllimited[:, None], model.actuator_ctrlrange, (-np.inf, np.inf)).T
        return np.clip(ctrl_NC, low_C, high_C)

    def _gears(self) -> NDArray[np.float64]:
        """Force or torque for a control of one; targets are what they are."""
        follows_C = self.model.actuator_biastype == mujoco.mjtBias.mjBIAS_AFFINE.value
        return np.where(follows_C, 1.0, self.model.actuator_gear[:, 0] * self.model.actuator_gainprm[:, 0])

    def _forces(self, qpos_NQ: NDArray[np.float64], qvel_NV: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of the actuators, in the state after the step."""
        model = self.model
        places_NC, speeds_NC = qpos_NQ[:, self._places_J[self._driven_C]], qvel_NV[:, self._speeds_J[self._driven_C]]
        stiffness_C, damping_C = model.actuator_biasprm[:, 1:3].T
        ctrl_NC = self._within(self._arrays["ctrl"])
        forces_NC = model.actuator_gainprm[:, 0] * ctrl_NC + stiffness_C * places_NC + damping_C * speeds_NC
        low_C, high_C = np.where(model.actuator_forcelimited[:, None], model.actuator_forcerange, (-np.inf, np.inf)).T
        return np.asarray(np.clip(forces_NC, low_C, high_C))

    def _sensed(self, wrenches_NW6: NDArray[np.generic], touches_NB: NDArray[np.generic]) -> NDArray[np.float64]:
        """As the model's sensors are ordered."""
        model, sensed_ND = self.model, self._arrays["sensordata"].copy()
        kinds, sites, touched = model.sensor_type, [], 0
        for sensor in range(model.nsensor):
            at = model.sensor_adr[sensor]
            if kinds[sensor] in WRENCH:
                site = int(model.sensor_objid[sensor])
                if site not in sites:
                    sites.append(site)
                first = 3 * WRENCH.index(int(kinds[sensor]))
                sensed_ND[:, at : at + 3] = wrenches_NW6[:, sites.index(site), first : first + 3]
            else:
                sensed_ND[:, at] = touches_NB[:, touched]
                touched += 1
        return sensed_ND
