"""Robots of MuJoCo models in Isaac Gym Preview 4 (PhysX on the GPU) with its tensor API. Imported by the worker on Python 3.8.

The calls follow NVIDIA's documentation of Preview 4 and are tested with a stand-in that checks them. They have not been run with the
real simulator: expect to tune contacts and drives.

N robots, F free bodies, J joints, B bodies whose touches are detected, X all rows of a tensor.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Isaac Gym refuses to be imported after torch.
from isaacgym import gymapi, gymtorch  # isort: skip
import torch  # isort: skip
import numpy as np

from sim_bridge.isaac.sim import DEVICE, add_ground, new_sim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

CONTACT_OFFSET_M = 0.005
SPACING_M = 2.0
PIN_N_PER_M, PIN_N_S_PER_M = 5e7, 5e3
"""Stiffness and damping of the attractors that fix a point of a body, as in Isaac Gym's balance bot."""
TOUCH_N = 1.0
"""Net contact force on a body above which it is touched, N."""
NOT_FOUND = -1


class IsaacRobots:
    """N robots, each with its environment, in one simulation; `isaac_scene.scene_of` returns the arguments."""

    def __init__(
        self,
        robots: int,
        timestep_s: float,
        ground_friction: float | None,
        actors: Sequence[Mapping[str, Any]],
        joints: Sequence[Mapping[str, Any]],
        pins: Sequence[Mapping[str, Any]],
        touches: Sequence[Mapping[str, Any]],
    ) -> None:
        self._gym = gymapi.acquire_gym()
        self._sim = new_sim(self._gym, timestep_s, renders=False, contact_offset_m=CONTACT_OFFSET_M)
        if ground_friction is not None:
            add_ground(self._gym, self._sim, ground_friction)
        self._free_NF: list[list[int]] = []
        self._articulated_NA: list[list[int]] = []
        self._joint_rows_NJ: list[list[int]] = []
        self._touch_rows_NB: list[list[int]] = []
        with tempfile.TemporaryDirectory() as folder:
            assets = {actor["name"]: self._load(Path(folder), actor) for actor in actors}
            for robot in range(robots):
                self._make_robot(robot, round(robots**0.5) or 1, assets, actors, joints, pins, touches)
        gym, sim = self._gym, self._sim
        gym.prepare_sim(sim)
        self._roots_X13 = gymtorch.wrap_tensor(gym.acquire_actor_root_state_tensor(sim))
        self._dofs_X2 = gymtorch.wrap_tensor(gym.acquire_dof_state_tensor(sim))
        self._forces_X3 = gymtorch.wrap_tensor(gym.acquire_net_contact_force_tensor(sim))
        gym.refresh_actor_root_state_tensor(sim)
        self._free_rows = torch.tensor(self._free_NF, dtype=torch.long, device=DEVICE)
        self._joint_rows = torch.tensor(self._joint_rows_NJ, dtype=torch.long, device=DEVICE)
        self._touch_rows = torch.tensor(self._touch_rows_NB, dtype=torch.long, device=DEVICE)
        self._free = self._free_rows.flatten().to(torch.int32)
        self._articulated = torch.tensor(self._articulated_NA, device=DEVICE).flatten().to(torch.int32)
        self._damping_J = torch.tensor(
            [0.0 if joint["drive"] == "position" else joint["damping"] for joint in joints], device=DEVICE
        )
        self._follows_J = torch.tensor([joint["drive"] == "position" for joint in joints], device=DEVICE)

    def step(
        self,
        roots_NF13: NDArray[np.float32],
        joints_NJ2: NDArray[np.float32],
        controls_NJ: NDArray[np.float32],
        substeps: NDArray[np.int64],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """Step from these states, and return the new states and the touches (N, B)."""
        gym, sim, unwrap = self._gym, self._sim, gymtorch.unwrap_tensor
        self._write(roots_NF13, joints_NJ2)
        controls = torch.as_tensor(controls_NJ, device=DEVICE)
        targets_X, efforts_X = (torch.zeros(len(self._dofs_X2), device=DEVICE) for _ in range(2))
        targets_X[self._joint_rows] = torch.where(self._follows_J, controls, torch.zeros_like(controls))
        gym.set_dof_position_target_tensor(sim, unwrap(targets_X))
        for _ in range(int(substeps)):
            slowed = controls - self._damping_J * self._dofs_X2[self._joint_rows][..., 1]
            efforts_X[self._joint_rows] = torch.where(self._follows_J, torch.zeros_like(slowed), slowed)
            gym.set_dof_actuation_force_tensor(sim, unwrap(efforts_X))
            gym.simulate(sim)
            if DEVICE == "cpu":
                gym.fetch_results(sim, True)
            gym.refresh_dof_state_tensor(sim)
        gym.refresh_actor_root_state_tensor(sim)
        gym.refresh_net_contact_force_tensor(sim)
        touched = self._forces_X3[self._touch_rows].norm(dim=-1) > TOUCH_N
        results = self._roots_X13[self._free_rows], self._dofs_X2[self._joint_rows], touched
        roots, joints, touches = (part.cpu().numpy() for part in results)
        return roots, joints, touches

    def close(self) -> None:
        """Free the simulation."""
        self._gym.destroy_sim(self._sim)

    def _write(self, roots_NF13: NDArray[np.float32], joints_NJ2: NDArray[np.float32]) -> None:
        gym, sim, unwrap = self._gym, self._sim, gymtorch.unwrap_tensor
        self._roots_X13[self._free_rows] = torch.as_tensor(roots_NF13, device=DEVICE)
        gym.set_actor_root_state_tensor_indexed(sim, unwrap(self._roots_X13), unwrap(self._free), len(self._free))
        self._dofs_X2[self._joint_rows] = torch.as_tensor(joints_NJ2, device=DEVICE)
        gym.set_dof_state_tensor_indexed(sim, unwrap(self._dofs_X2), unwrap(self._articulated), len(self._articulated))

    def _load(self, folder: Path, actor: Mapping[str, Any]) -> Any:
        name = actor["name"]
        (folder / f"{name}.xml").write_text(actor["mjcf"], encoding="utf-8")
        options = gymapi.AssetOptions()
        options.fix_base_link = actor["fixed"]
        options.disable_gravity = actor["weightless"]
        options.collapse_fixed_joints = False
        options.angular_damping = options.linear_damping = 0.0
        return _found(self._gym.load_asset(self._sim, str(folder), f"{name}.xml", options), name)

    def _make_robot(
        self,
        robot: int,
        per_row: int,
        assets: Mapping[str, Any],
        actors: Sequence[Mapping[str, Any]],
        joints: Sequence[Mapping[str, Any]],
        pins: Sequence[Mapping[str, Any]],
        touches: Sequence[Mapping[str, Any]],
    ) -> None:
        gym = self._gym
        half = gymapi.Vec3(SPACING_M, SPACING_M, SPACING_M)
        env = gym.create_env(self._sim, gymapi.Vec3(-SPACING_M, -SPACING_M, 0.0), half, per_row)
        made = {}
        for actor in actors:
            handle = gym.create_actor(env, assets[actor["name"]], _transform(actor["pose"]), actor["name"], robot, 0)
            made[actor["name"]] = handle
            self._touchable(env, handle, actor["shapes"])
            self._driven(env, handle, {joint["name"]: joint for joint in joints if joint["actor"] == actor["name"]})
        indices = {name: gym.get_actor_index(env, handle, gymapi.DOMAIN_SIM) for name, handle in made.items()}
        self._free_NF.append([indices[actor["name"]] for actor in actors if not actor["fixed"]])
        self._articulated_NA.append([indices[name] for name in dict.fromkeys(joint["actor"] for joint in joints)])
        self._joint_rows_NJ.append(
            [
                _found(gym.find_actor_dof_index(env, made[of["actor"]], of["name"], gymapi.DOMAIN_SIM), of["name"])
                for of in joints
            ]
        )
        self._touch_rows_NB.append(
            [
                _found(
                    gym.find_actor_rigid_body_index(env, made[of["actor"]], of["body"], gymapi.DOMAIN_SIM), of["body"]
                )
                for of in touches
            ]
        )
        for pin in pins:
            self._pin(env, made[pin["actor"]], pin)

    def _touchable(self, env: Any, actor: Any, shapes: Sequence[Mapping[str, Any]]) -> None:
        gym = self._gym
        properties = gym.get_actor_rigid_shape_properties(env, actor)
        names = gym.get_actor_rigid_body_names(env, actor)
        expected = {name: [shape for shape in shapes if shape["body"] == name] for name in names}
        for name, span in zip(names, gym.get_actor_rigid_body_shape_indices(env, actor)):  # noqa: B905 - Python 3.8 has no strict
            if span.count != len(expected[name]):
                raise RuntimeError(f"body {name}: expected {len(expected[name])} shapes, got {span.count}")
            for offset, of in enumerate(expected[name]):
                shape = properties[span.start + offset]
                shape.friction, shape.filter = of["friction"], of["filter"]
        gym.set_actor_rigid_shape_properties(env, actor, properties)

    def _driven(self, env: Any, actor: Any, joints: Mapping[str, Mapping[str, Any]]) -> None:
        if not joints:
            return
        gym = self._gym
        properties = gym.get_actor_dof_properties(env, actor)
        for index, name in enumerate(gym.get_actor_dof_names(env, actor)):
            joint = joints[name]
            follows = joint["drive"] == "position"
            properties["driveMode"][index] = gymapi.DOF_MODE_POS if follows else gymapi.DOF_MODE_EFFORT
            properties["stiffness"][index] = joint["stiffness"]
            properties["damping"][index] = joint["damping"] if follows else 0.0
            properties["armature"][index] = joint["armature"]
            properties["effort"][index] = joint["most"]
        gym.set_actor_dof_properties(env, actor, properties)

    def _pin(self, env: Any, actor: Any, pin: Mapping[str, Any]) -> None:
        attractor = gymapi.AttractorProperties()
        handle = self._gym.find_actor_rigid_body_handle(env, actor, pin["body"])
        attractor.rigid_handle = _found(handle, pin["body"])
        attractor.axes = gymapi.AXIS_TRANSLATION
        attractor.stiffness, attractor.damping = PIN_N_PER_M, PIN_N_S_PER_M
        attractor.offset = _transform([*pin["at"], 0.0, 0.0, 0.0, 1.0])
        attractor.target = _transform([*pin["stays"], 0.0, 0.0, 0.0, 1.0])
        self._gym.create_rigid_body_attractor(env, attractor)


def _found(answer: Any, name: str) -> Any:
    """Return the answer of Isaac Gym, if it found an object of this name."""
    if answer is None or answer == NOT_FOUND:
        raise RuntimeError(f"Isaac Gym did not find {name}")
    return answer


def _transform(pose: Sequence[float]) -> Any:
    transform = gymapi.Transform()
    transform.p, transform.r = gymapi.Vec3(*pose[:3]), gymapi.Quat(*pose[3:])
    return transform
