"""Robots of MJCF assets. MuJoCo replaces PhysX, configured only by the calls."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import mujoco
import numpy as np
import torch

from isaacgym import gymapi

DOF_FIELDS = [(name, np.float32) for name in ("stiffness", "damping", "armature", "effort")] + [("driveMode", np.int32)]


class RobotGym:
    def __init__(self):
        self.envs, self.friction, self.prepared = [], None, False

    # Before prepare_sim.

    def create_sim(self, compute, graphics, engine, params):
        assert engine == gymapi.SIM_PHYSX
        assert graphics == -1, "nothing is rendered"
        self.params = params
        return "sim"

    def add_ground(self, sim, plane):
        self.friction = plane.static_friction

    def load_asset(self, sim, root, file, options):
        spec = mujoco.MjSpec.from_file(str(Path(root) / file))
        bodies = [body for body in spec.bodies if body.name != "world"]
        joints = [joint for joint in spec.joints if joint.type != mujoco.mjtJoint.mjJNT_FREE]
        assert options.fix_base_link == (len(joints) == len(spec.joints)), "bodies that are not fixed are free"
        return SimpleNamespace(spec=spec, options=options, bodies=bodies, joints=joints)

    def create_env(self, sim, low, high, per_row):
        assert not self.prepared
        self.envs.append(SimpleNamespace(actors=[], pins=[]))
        return self.envs[-1]

    def create_actor(self, env, asset, pose, name, group, bits):
        assert group == len(self.envs) - 1
        geoms = [geom for body in asset.bodies for geom in body.geoms]
        shapes = [SimpleNamespace(friction=1.0, filter=0) for _ in geoms]
        dofs = np.zeros(len(asset.joints), dtype=DOF_FIELDS)
        index = sum(len(env.actors) for env in self.envs)
        env.actors.append(SimpleNamespace(asset=asset, pose=pose, name=name, shapes=shapes, dofs=dofs, index=index))
        return env.actors[-1]

    def get_actor_index(self, env, actor, domain):
        return actor.index

    def get_actor_rigid_body_names(self, env, actor):
        return [body.name for body in actor.asset.bodies]

    def get_actor_rigid_body_shape_indices(self, env, actor):
        counts = [len(body.geoms) for body in actor.asset.bodies]
        return [SimpleNamespace(start=sum(counts[:i]), count=count) for i, count in enumerate(counts)]

    def get_actor_rigid_shape_properties(self, env, actor):
        return actor.shapes

    def set_actor_rigid_shape_properties(self, env, actor, shapes):
        actor.shapes = shapes

    def get_actor_dof_names(self, env, actor):
        return [joint.name for joint in actor.asset.joints]

    def get_actor_dof_properties(self, env, actor):
        return actor.dofs

    def set_actor_dof_properties(self, env, actor, dofs):
        effort_driven = dofs[dofs["driveMode"] == gymapi.DOF_MODE_EFFORT]
        assert not effort_driven["stiffness"].any(), "joints with effort drives have no gains"
        assert not effort_driven["damping"].any(), "joints with effort drives have no gains"
        actor.dofs = dofs

    def find_actor_dof_index(self, env, actor, name, domain):
        before = sum(len(other.dofs) for other in self._actors() if other.index < actor.index)
        return before + self.get_actor_dof_names(env, actor).index(name)

    def find_actor_rigid_body_index(self, env, actor, name, domain):
        before = sum(len(other.asset.bodies) for other in self._actors() if other.index < actor.index)
        return before + self.get_actor_rigid_body_names(env, actor).index(name)

    def find_actor_rigid_body_handle(self, env, actor, name):
        return f"{actor.name}/{name}"

    def create_rigid_body_attractor(self, env, attractor):
        assert attractor.axes == gymapi.AXIS_TRANSLATION
        env.pins.append(attractor)

    def prepare_sim(self, sim):
        self.prepared = True
        self.model = self._built(self.envs[0])
        self.datas = [mujoco.MjData(self.model) for _ in self.envs]
        self.roots = torch.full((len(self._actors()), 13), torch.nan)
        self.dofs = torch.full((sum(len(actor.dofs) for actor in self._actors()), 2), torch.nan)
        self.forces = torch.zeros(sum(len(actor.asset.bodies) for actor in self._actors()), 3)
        for env, data in zip(self.envs, self.datas, strict=True):
            mujoco.mj_forward(self.model, data)
            for pin in env.pins:
                body = data.body(pin.rigid_handle)
                pinned = body.xpos + body.xmat.reshape(3, 3) @ vector(pin.offset.p)
                np.testing.assert_allclose(pinned, vector(pin.target.p), atol=1e-6)

    # After prepare_sim.

    def acquire_actor_root_state_tensor(self, sim):
        assert self.prepared
        return self.roots

    def acquire_dof_state_tensor(self, sim):
        return self.dofs

    def acquire_net_contact_force_tensor(self, sim):
        return self.forces

    def refresh_actor_root_state_tensor(self, sim):
        for env, data in zip(self.envs, self.datas, strict=True):
            for actor in env.actors:
                body = self.model.body(f"{actor.name}/{actor.asset.bodies[0].name}")
                speed = np.zeros(6)
                mujoco.mj_objectVelocity(self.model, data, mujoco.mjtObj.mjOBJ_XBODY, body.id, speed, 0)
                parts = data.xpos[body.id], np.roll(data.xquat[body.id], -1), speed[3:], speed[:3]
                self.roots[actor.index] = torch.from_numpy(np.concatenate(parts))

    def refresh_dof_state_tensor(self, sim):
        for row, (_, data, joint) in enumerate(self._dofs()):
            self.dofs[row] = torch.tensor([data.qpos[joint.qposadr[0]], data.qvel[joint.dofadr[0]]])

    def refresh_net_contact_force_tensor(self, sim):
        self.forces[:] = 0.0
        row, wrench = 0, np.zeros(6)
        for env, data in zip(self.envs, self.datas, strict=True):
            for actor in env.actors:
                for body in actor.asset.bodies:
                    at = self.model.body(f"{actor.name}/{body.name}").id
                    for contact in range(data.ncon):
                        if at in self.model.geom_bodyid[data.contact[contact].geom]:
                            mujoco.mj_contactForce(self.model, data, contact, wrench)
                            self.forces[row, 2] += wrench[0]
                    row += 1

    def set_actor_root_state_tensor_indexed(self, sim, roots, indices, count):
        assert indices.dtype == torch.int32
        assert count == len(indices)
        for env, data in zip(self.envs, self.datas, strict=True):
            for actor in env.actors:
                if actor.index in indices:
                    state = roots[actor.index].double().numpy()
                    body = self.model.body(f"{actor.name}/{actor.asset.bodies[0].name}")
                    place, speed = body.jntadr[0], self.model.body_dofadr[body.id]
                    at = self.model.jnt_qposadr[place]
                    data.qpos[at : at + 7] = [*state[:3], state[6], *state[3:6]]
                    turned = np.zeros(9)
                    mujoco.mju_quat2Mat(turned, data.qpos[at + 3 : at + 7])
                    data.qvel[speed : speed + 6] = [*state[7:10], *(turned.reshape(3, 3).T @ state[10:])]

    def set_dof_state_tensor_indexed(self, sim, dofs, indices, count):
        assert indices.dtype == torch.int32
        assert count == len(indices)
        for row, (actor, data, joint) in enumerate(self._dofs()):
            if actor.index in indices:
                data.qpos[joint.qposadr[0]], data.qvel[joint.dofadr[0]] = dofs[row].double()

    def set_dof_position_target_tensor(self, sim, targets):
        self._control(targets, gymapi.DOF_MODE_POS)

    def set_dof_actuation_force_tensor(self, sim, efforts):
        self._control(efforts, gymapi.DOF_MODE_EFFORT)

    def simulate(self, sim):
        for data in self.datas:
            mujoco.mj_step(self.model, data)
            mujoco.mj_forward(self.model, data)

    def fetch_results(self, sim, wait):
        assert wait

    def destroy_sim(self, sim):
        self.datas = []

    def _actors(self):
        return [actor for env in self.envs for actor in env.actors]

    def _dofs(self):
        for env, data in zip(self.envs, self.datas, strict=True):
            for actor in env.actors:
                for joint in actor.asset.joints:
                    yield actor, data, self.model.joint(f"{actor.name}/{joint.name}")

    def _control(self, values, mode):
        assert values.shape == (len(self.dofs),)
        modes = [dof["driveMode"] for actor in self._actors() for dof in actor.dofs]
        for value, driven, (_, data, joint) in zip(values, modes, self._dofs(), strict=True):
            if driven == mode:
                data.ctrl[self.model.actuator(joint.name).id] = value

    def _built(self, env):
        spec = mujoco.MjSpec()
        spec.option.timestep, spec.option.integrator = self.params.dt, mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        spec.option.cone, spec.option.impratio = mujoco.mjtCone.mjCONE_ELLIPTIC, 10
        if self.friction is not None:
            spec.worldbody.add_geom(name="ground", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[100, 100, 1])
        geoms = []
        for actor in env.actors:
            self._attach(spec, actor, geoms)
        for index, (one, of_one, bits, body) in enumerate(geoms):
            for other, of_other, other_bits, other_body in geoms[:index]:
                if body != other_body and not bits & other_bits:
                    friction = [max(of_one, of_other)] * 2 + [0.01, 0.0, 0.0]
                    spec.add_pair(geomname1=one, geomname2=other, condim=4, friction=friction)
            if self.friction is not None:
                spec.add_pair(
                    geomname1="ground", geomname2=one, condim=3, friction=[self.friction] * 2 + [0.02, 0.0, 0.0]
                )
        for pin in env.pins:
            connected = spec.add_equality(type=mujoco.mjtEq.mjEQ_CONNECT, name1=pin.rigid_handle, name2="world")
            connected.objtype, connected.solref[0] = mujoco.mjtObj.mjOBJ_BODY, 0.004
            connected.data[:3] = vector(pin.offset.p)
        return spec.compile()

    def _attach(self, spec, actor, geoms):
        p, r = actor.pose.p, actor.pose.r
        frame = spec.worldbody.add_frame(pos=[p.x, p.y, p.z], quat=[r.w, r.x, r.y, r.z])
        child, name = actor.asset.spec.copy(), actor.name
        for body in child.bodies:
            if body.name != "world" and actor.asset.options.disable_gravity:
                body.gravcomp = 1.0
        shapes = iter(actor.shapes)
        for body in child.bodies:
            for number, geom in enumerate(body.geoms):
                shape = next(shapes)
                geom.name, geom.contype, geom.conaffinity = f"{body.name}_{number}", 0, 0
                geoms.append((f"{name}/{geom.name}", shape.friction, shape.filter, f"{name}/{body.name}"))
        joints = [joint for joint in child.joints if joint.type != mujoco.mjtJoint.mjJNT_FREE]
        for joint, dof in zip(joints, actor.dofs, strict=True):
            joint.armature = dof["armature"]
        spec.attach(child, prefix=f"{name}/", frame=frame)
        for joint, dof in zip(joints, actor.dofs, strict=True):
            driven = spec.add_actuator(name=joint.name, target=joint.name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
            if dof["driveMode"] == gymapi.DOF_MODE_POS:
                driven.set_to_position(kp=float(dof["stiffness"]), kv=float(dof["damping"]))
            else:
                driven.set_to_motor()
            driven.forcelimited, driven.forcerange = True, [-dof["effort"], dof["effort"]]


def vector(of):
    return [of.x, of.y, of.z]
