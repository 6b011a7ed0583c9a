"""Push cells in Isaac Gym Preview 4 (PhysX on the GPU) with its tensor API. Imported by the worker on Python 3.8.

The calls follow NVIDIA's documentation of Preview 4 and are tested with a stand-in that checks them. They have not been run with the
real simulator: expect to tune contact offsets and servo gains.

N robots, I some of them, T substeps, F all bodies of all robots, H image rows, W image columns.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Isaac Gym refuses to be imported after torch.
from isaacgym import gymapi, gymtorch  # isort: skip
import torch  # isort: skip
import numpy as np

from sim_bridge.isaac.assets import urdf_files
from sim_bridge.isaac.sim import DEVICE, add_ground, new_sim
from sim_bridge.push.geometry import PUSH_GEOMETRY
from sim_bridge.push.matter import COLOURS, FRICTION, SERVO_N_PER_M
from sim_bridge.push.view import field_of_view

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONTACT_OFFSET_M = 0.001
SPACING_M = 0.5
DAMPING = 45.0
"""Damping of the pusher's servos, N s/m (N m s per radian for its yaw): critical for its mass."""
RIM_FRICTION = 2 * FRICTION["rim"] - FRICTION["floor"]
PUSHER_FRICTION = 2 * FRICTION["pusher"] - FRICTION["floor"]
BODY_FRICTION = {
    "obstacle": RIM_FRICTION,
    "walls": RIM_FRICTION,
    "cube": FRICTION["floor"],
    "goal": 0.0,
    "pusher": PUSHER_FRICTION,
}
"""Friction coefficients by body. PhysX uses the mean of two bodies' coefficients; the floor has the cube's."""
STILL = ("obstacle", "walls", "goal", "pusher")
"""Bodies that are fixed to the world; the pusher moves by its joints."""
PARKED = (0.0, -0.6, 0.0, 0.0)
"""Joint positions of a pusher outside of the image."""
TOUCH_N = 1e-4
"""Net contact force on obstacle or walls above which they are touched, N."""


class IsaacCells:
    """N cells in one simulation. The cubes' states are stored here and written before every use.

    So the cube of a robot that does not push keeps its exact state, although the simulator steps all cells together.
    """

    def __init__(self, robots: int, timestep_s: float, width: int, height: int) -> None:
        self._gym = gymapi.acquire_gym()
        self._device = DEVICE
        self._sim = new_sim(self._gym, timestep_s, renders=True, contact_offset_m=CONTACT_OFFSET_M)
        add_ground(self._gym, self._sim, FRICTION["floor"])
        self._envs: list[Any] = []
        self._cameras: list[Any] = []
        self._actors: dict[str, list[int]] = {name: [] for name in BODY_FRICTION}
        self._bodies: dict[str, list[int]] = {name: [] for name in BODY_FRICTION}
        with tempfile.TemporaryDirectory() as folder:
            assets = self._load(Path(folder))
            for robot in range(robots):
                self._make_cell(robot, assets, round(robots**0.5) or 1)
                self._make_camera(width, height)
        gym, sim = self._gym, self._sim
        gym.prepare_sim(sim)
        self._roots_F13 = gymtorch.wrap_tensor(gym.acquire_actor_root_state_tensor(sim))
        self._joints_N42 = gymtorch.wrap_tensor(gym.acquire_dof_state_tensor(sim)).view(robots, 4, 2)
        self._forces_F3 = gymtorch.wrap_tensor(gym.acquire_net_contact_force_tensor(sim))
        gym.refresh_actor_root_state_tensor(sim)
        self._cube_rows = torch.tensor(self._actors["cube"], device=self._device)
        self._goal_rows = torch.tensor(self._actors["goal"], device=self._device)
        self._movable = torch.tensor(
            self._actors["cube"] + self._actors["goal"], dtype=torch.int32, device=self._device
        )
        self._pushers = torch.tensor(self._actors["pusher"], dtype=torch.int32, device=self._device)
        self._rims_N2 = torch.tensor([self._bodies["obstacle"], self._bodies["walls"]], device=self._device).T
        self._parked_N4 = torch.tensor(PARKED, device=self._device).repeat(robots, 1)
        self._cubes_N13 = self._roots_F13[self._cube_rows].clone()
        self._goals_N13 = self._roots_F13[self._goal_rows].clone()

    def place(self, robots_I: NDArray[np.int64], states_I7: NDArray[np.float64]) -> None:
        """Place cubes at rest at positions and quaternions (x, y, z, w)."""
        self._cubes_N13[robots_I] = 0.0
        self._cubes_N13[robots_I, :7] = torch.as_tensor(states_I7, dtype=torch.float32, device=self._device)

    def push(self, robots_I: NDArray[np.int64], path_IT4: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Move the pushers along their paths and return which cubes touched obstacle or walls, (I,)."""
        gym, sim = self._gym, self._sim
        path = torch.as_tensor(path_IT4, dtype=torch.float32, device=self._device)
        targets_N4 = self._parked_N4.clone()
        targets_N4[robots_I] = path[:, 0]
        self._write(targets_N4)
        touched_N = torch.zeros(len(targets_N4), dtype=torch.bool, device=self._device)
        for now in range(path.shape[1]):
            targets_N4[robots_I] = path[:, now]
            gym.set_dof_position_target_tensor(sim, gymtorch.unwrap_tensor(targets_N4))
            self._simulate()
            gym.refresh_net_contact_force_tensor(sim)
            touched_N |= (self._forces_F3[self._rims_N2].norm(dim=-1) > TOUCH_N).any(dim=1)
        gym.refresh_actor_root_state_tensor(sim)
        self._cubes_N13[robots_I] = self._roots_F13[self._cube_rows][robots_I]
        self._cubes_N13[:, 7:] = 0.0
        return np.asarray(touched_N[robots_I].cpu().numpy())

    def cubes(self) -> NDArray[np.float64]:
        """Return positions and quaternions (x, y, z, w) of the cubes, (N, 7)."""
        return np.asarray(self._cubes_N13[:, :7].cpu().numpy(), dtype=np.float64)

    def images(self, goals_N2: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Return the images, (N, H, W, 3), red green blue."""
        gym, sim = self._gym, self._sim
        self._goals_N13[:, :2] = torch.as_tensor(goals_N2, dtype=torch.float32, device=self._device)
        self._write(self._parked_N4)
        gym.set_dof_position_target_tensor(sim, gymtorch.unwrap_tensor(self._parked_N4))
        # Written states are visible only after the next step.
        self._simulate()
        gym.fetch_results(sim, True)
        gym.step_graphics(sim)
        gym.render_all_camera_sensors(sim)
        gym.start_access_image_tensors(sim)
        images = [
            gymtorch.wrap_tensor(gym.get_camera_image_gpu_tensor(sim, env, camera, gymapi.IMAGE_COLOR))[..., :3]
            for env, camera in zip(self._envs, self._cameras)  # noqa: B905 - Python 3.8 has no strict
        ]
        stacked = torch.stack(images).cpu().numpy()
        gym.end_access_image_tensors(sim)
        return np.asarray(stacked, dtype=np.uint8)

    def close(self) -> None:
        """Free the simulation."""
        self._gym.destroy_sim(self._sim)

    def _load(self, folder: Path) -> dict[str, Any]:
        assets = {}
        for name, urdf in urdf_files(PUSH_GEOMETRY).items():
            (folder / f"{name}.urdf").write_text(urdf, encoding="utf-8")
            options = gymapi.AssetOptions()
            options.fix_base_link = name in STILL
            options.disable_gravity = name in STILL
            options.collapse_fixed_joints = False
            assets[name] = self._gym.load_asset(self._sim, str(folder), f"{name}.urdf", options)
        return assets

    def _make_cell(self, robot: int, assets: dict[str, Any], per_row: int) -> None:
        gym = self._gym
        half = gymapi.Vec3(SPACING_M, SPACING_M, SPACING_M)
        env = gym.create_env(self._sim, gymapi.Vec3(-SPACING_M, -SPACING_M, 0.0), half, per_row)
        self._envs.append(env)
        for name, asset in assets.items():
            pose = gymapi.Transform()
            pose.p = gymapi.Vec3(0.0, 0.0, PUSH_GEOMETRY.cube_side_m / 2 if name == "cube" else 0.0)
            # Bodies that share a bit do not collide: only the cube collides with the others.
            actor = gym.create_actor(env, asset, pose, name, robot, 0 if name == "cube" else 1)
            self._actors[name].append(gym.get_actor_index(env, actor, gymapi.DOMAIN_SIM))
            self._bodies[name].append(gym.get_actor_rigid_body_index(env, actor, 0, gymapi.DOMAIN_SIM))
            shapes = gym.get_actor_rigid_shape_properties(env, actor)
            for shape in shapes:
                shape.friction = BODY_FRICTION[name]
            gym.set_actor_rigid_shape_properties(env, actor, shapes)
            for body in range(gym.get_actor_rigid_body_count(env, actor)):
                gym.set_rigid_body_color(env, actor, body, gymapi.MESH_VISUAL, gymapi.Vec3(*COLOURS[name]))
            if name == "pusher":
                servos = gym.get_actor_dof_properties(env, actor)
                servos["driveMode"].fill(gymapi.DOF_MODE_POS)
                servos["stiffness"].fill(SERVO_N_PER_M)
                servos["damping"].fill(DAMPING)
                gym.set_actor_dof_properties(env, actor, servos)

    def _make_camera(self, width: int, height: int) -> None:
        options = gymapi.CameraProperties()
        options.width, options.height = width, height
        options.horizontal_fov = field_of_view(width, width, height)
        options.enable_tensors = True
        camera = self._gym.create_camera_sensor(self._envs[-1], options)
        pose = gymapi.Transform()
        pose.p = gymapi.Vec3(0.0, 0.0, PUSH_GEOMETRY.camera_height_m)
        # A camera looks along its x axis, and its z axis is up in the image: turn x down, and z to the workspace's y.
        pose.r = gymapi.Quat(-0.5, 0.5, 0.5, 0.5)
        self._gym.set_camera_transform(camera, self._envs[-1], pose)
        self._cameras.append(camera)

    def _write(self, pushers_N4: torch.Tensor) -> None:
        """Write all cubes, goals and pushers at once, because only the last write before a step takes effect."""
        gym, sim, unwrap = self._gym, self._sim, gymtorch.unwrap_tensor
        self._roots_F13[self._cube_rows] = self._cubes_N13
        self._roots_F13[self._goal_rows] = self._goals_N13
        gym.set_actor_root_state_tensor_indexed(sim, unwrap(self._roots_F13), unwrap(self._movable), len(self._movable))
        self._joints_N42[:, :, 0] = pushers_N4
        self._joints_N42[:, :, 1] = 0.0
        gym.set_dof_state_tensor_indexed(sim, unwrap(self._joints_N42), unwrap(self._pushers), len(self._pushers))

    def _simulate(self) -> None:
        self._gym.simulate(self._sim)
        if self._device == "cpu":
            self._gym.fetch_results(self._sim, True)
