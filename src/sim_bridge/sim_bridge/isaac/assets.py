"""The push cell's bodies as URDF, for Isaac Gym. Imported by the worker on Python 3.8."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim_bridge.push.matter import CUBE_KG, PUSHER_KG, SERVO_N

if TYPE_CHECKING:
    from sim_bridge.push.geometry import PushGeometry

CARRIER_KG = 0.01
"""Mass of the links between the pusher's joints, which must not be zero."""


def urdf_files(geometry: PushGeometry) -> dict[str, str]:
    """Return URDF of the bodies obstacle, walls, cube, goal and pusher, by name.

    Their origins are on the floor, but the cube's is its centre.
    """
    g = geometry
    reach, at, rim = g.workspace_half_m + g.wall_m, g.workspace_half_m + g.wall_m / 2, g.rim_height_m
    walls = [
        _box(2 * sx, 2 * sy, rim, x, y, rim / 2)
        for x, y, sx, sy in (
            (at, 0.0, g.wall_m / 2, reach),
            (-at, 0.0, g.wall_m / 2, reach),
            (0.0, at, reach, g.wall_m / 2),
            (0.0, -at, reach, g.wall_m / 2),
        )
    ]
    side, obstacle = g.cube_side_m, 2 * g.obstacle_half_m
    disc = f'<visual><geometry><cylinder radius="{g.goal_radius_m}" length="0.001"/></geometry></visual>'
    blade = _box(
        2 * g.pusher_half_thickness_m,
        2 * g.pusher_half_width_m,
        g.pusher_height_m,
        0.0,
        0.0,
        g.pusher_low_m + g.pusher_height_m / 2,
    )
    joints = (("x", "prismatic", "1 0 0"), ("y", "prismatic", "0 1 0"), ("lift", "prismatic", "0 0 1"))
    chain = [_link("base", CARRIER_KG, "")]
    parent = "base"
    for name, kind, axis in (*joints, ("yaw", "revolute", "0 0 1")):
        last = name == "yaw"
        chain.append(_link(f"pusher_{name}", PUSHER_KG if last else CARRIER_KG, blade if last else ""))
        chain.append(
            f'<joint name="pusher_{name}" type="{kind}"><parent link="{parent}"/><child link="pusher_{name}"/>'
            f'<axis xyz="{axis}"/><limit lower="-10" upper="10" effort="{SERVO_N}" velocity="10"/></joint>'
        )
        parent = f"pusher_{name}"
    bodies = {
        "obstacle": [_link("obstacle", 1.0, _box(obstacle, obstacle, rim, 0.0, 0.0, rim / 2))],
        "walls": [_link("walls", 1.0, "".join(walls))],
        "cube": [_link("cube", CUBE_KG, _box(side, side, side, 0.0, 0.0, 0.0), inertia=CUBE_KG * side**2 / 6)],
        "goal": [_link("goal", 1.0, disc)],
        "pusher": chain,
    }
    return {name: f'<robot name="{name}">{"".join(parts)}</robot>' for name, parts in bodies.items()}


def _link(name: str, mass_kg: float, shapes: str, inertia: float = 1e-4) -> str:
    matrix = f'ixx="{inertia}" iyy="{inertia}" izz="{inertia}" ixy="0" ixz="0" iyz="0"'
    return f'<link name="{name}"><inertial><mass value="{mass_kg}"/><inertia {matrix}/></inertial>{shapes}</link>'


def _box(length: float, width: float, height: float, x: float, y: float, z: float) -> str:
    shape = f'<origin xyz="{x} {y} {z}"/><geometry><box size="{length} {width} {height}"/></geometry>'
    return f"<visual>{shape}</visual><collision>{shape}</collision>"
