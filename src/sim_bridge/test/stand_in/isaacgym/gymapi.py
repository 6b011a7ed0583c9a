import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import numpy as np
import torch

SIM_PHYSX, UP_AXIS_Z, CC_ALL_SUBSTEPS, DOMAIN_SIM, DOF_MODE_POS, DOF_MODE_EFFORT, MESH_VISUAL, IMAGE_COLOR = range(8)
AXIS_TRANSLATION = 7
FACE_M, REACH_M, WALL_M, OBSTACLE_M = 0.004 + 0.0175, 0.0425, 0.1825, 0.0675


class Vec3(SimpleNamespace):
    def __init__(self, x=0.0, y=0.0, z=0.0):
        super().__init__(x=x, y=y, z=z)


class Quat(SimpleNamespace):
    def __init__(self, x=0.0, y=0.0, z=0.0, w=1.0):
        super().__init__(x=x, y=y, z=z, w=w)


class Transform(SimpleNamespace):
    def __init__(self):
        super().__init__(p=Vec3(), r=Quat())


class SimParams(SimpleNamespace):
    def __init__(self):
        super().__init__(physx=SimpleNamespace())


PlaneParams = AssetOptions = CameraProperties = AttractorProperties = SimpleNamespace


def acquire_gym():
    if sys.argv[1] == "cells":
        return Gym()
    from isaacgym.robots import RobotGym

    return RobotGym()


class Gym:
    def __init__(self):
        self.actors, self.bodies, self.envs, self.poses = [], [], 0, []
        self.prepared = False

    # Before prepare_sim.

    def create_sim(self, compute, graphics, engine, params):
        assert engine == SIM_PHYSX
        assert params.gravity.z < 0
        return "sim"

    def add_ground(self, sim, plane):
        assert plane.normal.z == 1.0

    def load_asset(self, sim, root, file, options):
        tree = ET.parse(Path(root) / file).getroot()
        moving = [joint for joint in tree.iter("joint") if joint.get("type") != "fixed"]
        shapes = len(list(tree.iter("collision")))
        return SimpleNamespace(links=len(list(tree.iter("link"))), shapes=shapes, joints=len(moving), **vars(options))

    def create_env(self, sim, low, high, per_row):
        assert not self.prepared
        self.envs += 1
        return self.envs - 1

    def create_actor(self, env, asset, pose, name, group, bits):
        actor = SimpleNamespace(env=env, asset=asset, name=name, index=len(self.actors), first=len(self.bodies))
        assert group == env
        assert (bits == 0) == (name == "cube")
        self.actors.append(actor)
        self.bodies += [name] * asset.links
        self.poses.append([pose.p.x, pose.p.y, pose.p.z, pose.r.x, pose.r.y, pose.r.z, pose.r.w, *[0.0] * 6])
        return actor

    def get_actor_index(self, env, actor, domain):
        return actor.index

    def get_actor_rigid_body_index(self, env, actor, body, domain):
        return actor.first + body

    def get_actor_rigid_body_count(self, env, actor):
        return actor.asset.links

    def get_actor_rigid_shape_properties(self, env, actor):
        return [SimpleNamespace(friction=1.0) for _ in range(actor.asset.shapes)]

    def set_actor_rigid_shape_properties(self, env, actor, shapes):
        assert len(shapes) == actor.asset.shapes

    def set_rigid_body_color(self, env, actor, body, kind, colour):
        assert body < actor.asset.links

    def get_actor_dof_properties(self, env, actor):
        fields = [("driveMode", np.int32), ("stiffness", np.float32), ("damping", np.float32)]
        return np.zeros(actor.asset.joints, dtype=fields)

    def set_actor_dof_properties(self, env, actor, servos):
        assert (servos["driveMode"] == DOF_MODE_POS).all()

    def create_camera_sensor(self, env, options):
        assert options.enable_tensors
        self.camera = options
        return env

    def set_camera_transform(self, camera, env, pose):
        assert pose.p.z > 0

    def prepare_sim(self, sim):
        self.prepared = True
        self.truth = torch.tensor(self.poses)
        self.roots = torch.zeros(len(self.actors), 13)
        self.joints = torch.zeros(self.envs * 4, 2)
        self.forces = torch.full((len(self.bodies), 3), torch.nan)
        self.targets = None
        self.drawn = self.open = False

    # After prepare_sim.

    def acquire_actor_root_state_tensor(self, sim):
        assert self.prepared
        return self.roots

    def acquire_dof_state_tensor(self, sim):
        return self.joints

    def acquire_net_contact_force_tensor(self, sim):
        return self.forces

    def refresh_actor_root_state_tensor(self, sim):
        self.roots[:] = self.truth

    def refresh_net_contact_force_tensor(self, sim):
        ring = self.truth[self.rows("cube"), :2].abs().amax(dim=1)
        self.forces[:] = 0.0
        self.forces[self.first("walls"), 0] = (ring > WALL_M).float()
        self.forces[self.first("obstacle"), 0] = (ring < OBSTACLE_M).float()

    def set_actor_root_state_tensor_indexed(self, sim, roots, indices, count):
        assert indices.dtype == torch.int32
        assert count == len(indices)
        self.truth[indices.long()] = roots[indices.long()]

    def set_dof_state_tensor_indexed(self, sim, joints, indices, count):
        assert joints.numel() == self.joints.numel()
        assert [self.actors[index].name for index in indices] == ["pusher"] * self.envs

    def set_dof_position_target_tensor(self, sim, targets):
        assert targets.shape == (self.envs, 4)
        self.targets = targets.clone()

    def simulate(self, sim):
        x, y, lift, yaw = self.targets.T
        face = torch.stack([torch.cos(yaw), torch.sin(yaw)], dim=1)
        cubes = self.rows("cube")
        offset = self.truth[cubes, :2] - torch.stack([x, y], dim=1)
        along = (offset * face).sum(dim=1)
        aside = offset[:, 0] * face[:, 1] - offset[:, 1] * face[:, 0]
        pushed = (lift < 0.02) & (along > 0) & (along < FACE_M) & (aside.abs() < REACH_M)
        self.truth[cubes, :2] += torch.where(pushed, FACE_M - along, 0.0)[:, None] * face

    def fetch_results(self, sim, wait):
        assert wait

    def step_graphics(self, sim):
        self.drawn = False

    def render_all_camera_sensors(self, sim):
        self.drawn = True

    def start_access_image_tensors(self, sim):
        self.open = True

    def end_access_image_tensors(self, sim):
        self.open = False

    def get_camera_image_gpu_tensor(self, sim, env, camera, kind):
        assert self.drawn
        assert self.open
        image = torch.zeros(self.camera.height, self.camera.width, 4, dtype=torch.uint8)
        for actor in self.actors:
            if actor.env == env and actor.name in {"cube", "goal"}:
                column, row = ((self.truth[actor.index, :2] + 0.215) / 0.43 * self.camera.width).long()
                image[-1 - row, column] = 255
        return image

    def destroy_sim(self, sim):
        assert not self.open

    def rows(self, name):
        return [actor.index for actor in self.actors if actor.name == name]

    def first(self, name):
        return [actor.first for actor in self.actors if actor.name == name]
