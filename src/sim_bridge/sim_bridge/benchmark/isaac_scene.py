"""Describes a MuJoCo model to Isaac Gym Preview 4: actors as plain MJCF, joints, pins and touch sensors.

Bodies may consist of boxes, spheres, capsules and cylinders, on a plane and on boxes that do not move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np

from sim_bridge.headless_mujoco import mujoco

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

SHAPES = {
    mujoco.mjtGeom.mjGEOM_SPHERE.value: ("sphere", 1),
    mujoco.mjtGeom.mjGEOM_CAPSULE.value: ("capsule", 2),
    mujoco.mjtGeom.mjGEOM_CYLINDER.value: ("cylinder", 2),
    mujoco.mjtGeom.mjGEOM_BOX.value: ("box", 3),
}
JOINT_TYPES = {mujoco.mjtJoint.mjJNT_HINGE.value: "hinge", mujoco.mjtJoint.mjJNT_SLIDE.value: "slide"}
UNLIMITED = 1e6
"""Limit of forces or torques without a limit, N or N m."""


def scene_of(model: mujoco.MjModel) -> dict[str, Any]:
    """Return the arguments of `IsaacRobots`, which can be written as JSON.

    They have only geoms that can touch something. Touches are the bodies of contact sensors; other sensors are left out, as are
    gravity compensation of parts of actors and exclusions of contacts.

    Raises:
        ValueError: there are ball joints, other shapes, equalities other than fixed points, or a free body whose centre of mass is not
            its origin.
    """
    roots = [body for body in range(1, model.nbody) if model.body_parentid[body] == 0]
    filters = _filters(model)
    still = [geom for geom in _geoms(model, 0) if geom in filters]
    planes = [geom for geom in _geoms(model, 0) if _is_plane(model, geom) and _touching(model, geom)]
    return {
        "timestep_s": model.opt.timestep,
        "ground_friction": _friction(model, planes[0]) if planes else None,
        "actors": [
            *(_robot(model, root, filters) for root in roots),
            *(_furniture(model, geom, filters) for geom in still),
        ],
        "joints": [_joint(model, joint) for joint in hinged(model)],
        "pins": [_pin(model, equality) for equality in range(model.neq)],
        "touches": [_named(model, model.sensor_refid[sensor]) for sensor in touch_sensors(model)],
    }


def hinged(model: mujoco.MjModel) -> list[int]:
    """Return the joints of one degree of freedom, in the model's order.

    Raises:
        ValueError: there are ball joints.
    """
    joints = [joint for joint in range(model.njnt) if model.jnt_type[joint] != mujoco.mjtJoint.mjJNT_FREE]
    if not all(int(model.jnt_type[joint]) in JOINT_TYPES for joint in joints):
        raise ValueError("joints: expected hinge, slide and free joints, got a ball joint")
    return joints


def touch_sensors(model: mujoco.MjModel) -> list[int]:
    """Return the contact sensors, in the model's order."""
    return [int(sensor) for sensor in np.flatnonzero(model.sensor_type == mujoco.mjtSensor.mjSENS_CONTACT.value)]


def free_joints(model: mujoco.MjModel) -> list[int]:
    """Return the joints of free bodies, in the model's order, which is also the order of the scene's free actors."""
    return [joint for joint in range(model.njnt) if model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_FREE]


def _robot(model: mujoco.MjModel, root: int, filters: Mapping[int, int]) -> dict[str, Any]:
    bodies = [body for body in range(model.nbody) if model.body_rootid[body] == root]
    free = model.body_dofnum[root] == 6
    if free and np.abs(model.body_ipos[root]).max() > 1e-9:
        raise ValueError(
            f"body {model.body(root).name}: expected a free body's centre of mass at its origin, got {model.body_ipos[root].tolist()}"
        )
    moving = [body for body in bodies if model.body_weldid[body] != 0]
    tree = ET.Element("mujoco", model=model.body(root).name)
    ET.SubElement(tree, "compiler", angle="radian", inertiafromgeom="false")
    elements = {0: ET.SubElement(tree, "worldbody")}
    for body in bodies:
        parent = elements[model.body_parentid[body] if body != root else 0]
        elements[body] = _body(model, body, parent, filters, placed=body != root)
        if body == root and free:
            ET.SubElement(elements[body], "freejoint", name=f"{model.body(root).name}_root")
    touched = [geom for body in bodies for geom in _geoms(model, body) if geom in filters]
    return {
        "name": model.body(root).name,
        "mjcf": ET.tostring(tree, encoding="unicode"),
        "fixed": not free,
        "weightless": bool(moving) and all(model.body_gravcomp[body] == 1 for body in moving),
        "pose": _pose(model.body_pos[root], model.body_quat[root]),
        "shapes": [_shape(model, geom, filters) for geom in touched],
    }


def _furniture(model: mujoco.MjModel, geom: int, filters: Mapping[int, int]) -> dict[str, Any]:
    """Return a geom of the world that can be touched as an actor."""
    name = model.geom(geom).name
    tree = ET.Element("mujoco", model=name)
    ET.SubElement(tree, "compiler", angle="radian")
    body = ET.SubElement(ET.SubElement(tree, "worldbody"), "body", name=name)
    _geom(model, geom, body, placed=False)
    return {
        "name": name,
        "mjcf": ET.tostring(tree, encoding="unicode"),
        "fixed": True,
        "weightless": True,
        "pose": _pose(model.geom_pos[geom], model.geom_quat[geom]),
        "shapes": [_shape(model, geom, filters) | {"body": name}],
    }


def _body(
    model: mujoco.MjModel, body: int, parent: ET.Element, filters: Mapping[int, int], *, placed: bool
) -> ET.Element:
    place = {"pos": _words(model.body_pos[body]), "quat": _words(model.body_quat[body])} if placed else {}
    element = ET.SubElement(parent, "body", {"name": model.body(body).name, **place})
    ET.SubElement(
        element,
        "inertial",
        pos=_words(model.body_ipos[body]),
        quat=_words(model.body_iquat[body]),
        mass=str(model.body_mass[body]),
        diaginertia=_words(model.body_inertia[body]),
    )
    for joint in range(model.body_jntadr[body], model.body_jntadr[body] + model.body_jntnum[body]):
        if int(model.jnt_type[joint]) in JOINT_TYPES:
            attributes = {
                "name": model.joint(joint).name,
                "type": JOINT_TYPES[int(model.jnt_type[joint])],
                "pos": _words(model.jnt_pos[joint]),
                "axis": _words(model.jnt_axis[joint]),
            }
            if model.jnt_limited[joint]:
                attributes |= {"limited": "true", "range": _words(model.jnt_range[joint])}
            ET.SubElement(element, "joint", attributes)
    for geom in _geoms(model, body):
        if geom in filters:
            _geom(model, geom, element, placed=True)
    return element


def _geom(model: mujoco.MjModel, geom: int, parent: ET.Element, *, placed: bool) -> None:
    if int(model.geom_type[geom]) not in SHAPES:
        raise ValueError(
            f"geom {model.geom(geom).name}: expected a sphere, capsule, cylinder or box, got another shape"
        )
    kind, sizes = SHAPES[int(model.geom_type[geom])]
    place = {"pos": _words(model.geom_pos[geom]), "quat": _words(model.geom_quat[geom])} if placed else {}
    ET.SubElement(parent, "geom", {"type": kind, "size": _words(model.geom_size[geom][:sizes]), **place})


def _shape(model: mujoco.MjModel, geom: int, filters: Mapping[int, int]) -> dict[str, Any]:
    return {
        "body": model.body(model.geom_bodyid[geom]).name,
        "friction": _friction(model, geom),
        "filter": filters[geom],
    }


def _joint(model: mujoco.MjModel, joint: int) -> dict[str, Any]:
    """Return a joint: the drive "position" follows a target with stiffness and damping, "effort" applies a force or torque."""
    dof, actuators = model.jnt_dofadr[joint], np.flatnonzero(model.actuator_trnid[:, 0] == joint)
    attributes = {
        "name": model.joint(joint).name,
        "actor": model.body(model.body_rootid[model.jnt_bodyid[joint]]).name,
        "armature": float(model.dof_armature[dof]),
        "drive": "effort",
        "stiffness": 0.0,
        "damping": float(model.dof_damping[dof]),
        "most": UNLIMITED,
    }
    for actuator in actuators:
        if model.actuator_biastype[actuator] == mujoco.mjtBias.mjBIAS_AFFINE:
            attributes["drive"], attributes["stiffness"] = "position", float(model.actuator_gainprm[actuator, 0])
            attributes["damping"] -= float(model.actuator_biasprm[actuator, 2])
            if model.actuator_forcelimited[actuator]:
                attributes["most"] = float(model.actuator_forcerange[actuator, 1])
    return attributes


def _pin(model: mujoco.MjModel, equality: int) -> dict[str, Any]:
    if model.eq_type[equality] != mujoco.mjtEq.mjEQ_CONNECT:
        raise ValueError("equality: expected connections of bodies to fixed points, got another equality")
    body = model.eq_obj1id[equality]
    return {
        **_named(model, body),
        "at": model.eq_data[equality, :3].tolist(),
        "stays": model.eq_data[equality, 3:6].tolist(),
    }


def _named(model: mujoco.MjModel, body: int) -> dict[str, str]:
    return {"actor": model.body(model.body_rootid[body]).name, "body": model.body(body).name}


def _filters(model: mujoco.MjModel) -> dict[int, int]:
    """Return filter bits by geom that can be touched: two geoms with a common bit pass through each other."""
    geoms = [geom for geom in range(model.ngeom) if not _is_plane(model, geom) and _touching(model, geom)]
    bits, used = dict.fromkeys(geoms, 0), 0
    for index, one in enumerate(geoms):
        for other in geoms[:index]:
            if not _meet(model, one, other) and not bits[one] & bits[other]:
                group = _passing(model, geoms, one, other)
                for geom in group:
                    bits[geom] |= 1 << used
                used += 1
    return bits


def _passing(model: mujoco.MjModel, geoms: list[int], one: int, other: int) -> list[int]:
    """Return both geoms and others, as long as all of them pass through each other."""
    group = [one, other]
    for geom in geoms:
        if geom not in group and not any(_meet(model, geom, member) for member in group):
            group.append(geom)
    return group


def _touching(model: mujoco.MjModel, geom: int) -> bool:
    return any(_meet(model, geom, other) for other in range(model.ngeom))


def _meet(model: mujoco.MjModel, one: int, other: int) -> bool:
    """Return whether MuJoCo creates contacts between two geoms."""
    pairs = zip(model.pair_geom1, model.pair_geom2, strict=True)
    if any({one, other} == {int(first), int(second)} for first, second in pairs):
        return True
    if model.geom_bodyid[one] == model.geom_bodyid[other]:
        return False
    kinds, wants = model.geom_contype, model.geom_conaffinity
    return bool(kinds[one] & wants[other] or kinds[other] & wants[one])


def _friction(model: mujoco.MjModel, geom: int) -> float:
    """Return the geom's sliding friction: that of its contact pairs, or its own if it has none."""
    in_pairs = (model.pair_geom1 == geom) | (model.pair_geom2 == geom)
    return float(model.pair_friction[in_pairs, 0].max() if in_pairs.any() else model.geom_friction[geom, 0])


def _is_plane(model: mujoco.MjModel, geom: int) -> bool:
    return bool(model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_PLANE)


def _geoms(model: mujoco.MjModel, body: int) -> range:
    return range(model.body_geomadr[body], model.body_geomadr[body] + model.body_geomnum[body])


def _pose(position_3: NDArray[np.float64], quaternion_4: NDArray[np.float64]) -> list[float]:
    """Return position and quaternion as x, y, z, w."""
    return [*position_3.tolist(), *np.roll(quaternion_4, -1).tolist()]


def _words(numbers: Iterable[float]) -> str:
    return " ".join(str(float(number)) for number in numbers)
