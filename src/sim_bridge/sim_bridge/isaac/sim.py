"""An empty simulation in Isaac Gym Preview 4. Imported by the worker on Python 3.8."""

from __future__ import annotations

from typing import Any

# Isaac Gym refuses to be imported after torch.
from isaacgym import gymapi  # isort: skip
import torch  # isort: skip

SUBSTEPS = 2
"""Substeps of PhysX per time step."""
DEVICE = "cuda:0" if torch.cuda.is_available() else "cpu"


def new_sim(gym: Any, timestep_s: float, *, renders: bool, contact_offset_m: float) -> Any:
    """Return a simulation with PhysX and gravity; without `renders` it needs no graphics device.

    Raises:
        RuntimeError: Isaac Gym cannot create it.
    """
    params = gymapi.SimParams()
    params.dt = timestep_s
    params.substeps = SUBSTEPS
    params.up_axis = gymapi.UP_AXIS_Z
    params.gravity = gymapi.Vec3(0.0, 0.0, -9.81)
    params.use_gpu_pipeline = params.physx.use_gpu = DEVICE != "cpu"
    params.physx.solver_type = 1
    params.physx.num_position_iterations = 8
    params.physx.num_velocity_iterations = 1
    params.physx.contact_offset = contact_offset_m
    params.physx.rest_offset = 0.0
    # A touch in any substep must be detected.
    params.physx.contact_collection = gymapi.CC_ALL_SUBSTEPS
    sim = gym.create_sim(0, 0 if renders else -1, gymapi.SIM_PHYSX, params)
    if sim is None:
        raise RuntimeError("Isaac Gym cannot create the simulation")
    return sim


def add_ground(gym: Any, sim: Any, friction: float) -> None:
    """Add a ground plane at height zero."""
    plane = gymapi.PlaneParams()
    plane.normal = gymapi.Vec3(0.0, 0.0, 1.0)
    plane.static_friction = plane.dynamic_friction = friction
    gym.add_ground(sim, plane)
