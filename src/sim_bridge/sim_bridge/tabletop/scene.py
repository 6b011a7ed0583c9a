"""The scenes of the tabletop as MuJoCo models, one per task."""

from __future__ import annotations

import math

from sim_bridge.headless_mujoco import mujoco
from sim_bridge.tabletop import geometry as g
from sim_bridge.tabletop.task import Kind, Task

TIMESTEP_S = 0.005
"""Physics step."""
SURFACE_HALF_M = 0.02
"""Half the thickness of the table."""
MARK_M = 0.0006
"""Half the thickness of marks on the table, which touch nothing."""
ABOVE_TABLE_M = 0.003
"""Height at which drawer and lever move above the table."""
FLOOR_M = 0.5
"""Depth of the floor below the table."""
COLOURS = {
    "floor": (0.16, 0.17, 0.2),
    "table": (0.86, 0.85, 0.82),
    "rim": (0.45, 0.42, 0.4),
    "finger": (0.05, 0.05, 0.05),
    "obstacle": (0.8, 0.15, 0.12),
    "goal": (0.1, 0.7, 0.25),
    "block": (0.15, 0.35, 0.85),
    "disc": (0.95, 0.7, 0.1),
    "peg": (0.75, 0.2, 0.75),
    "wall": (0.35, 0.35, 0.4),
    "cabinet": (0.55, 0.38, 0.22),
    "drawer": (0.78, 0.6, 0.38),
    "handle": (0.2, 0.3, 0.5),
    "lever": (0.4, 0.45, 0.55),
    "tip": (0.95, 0.45, 0.1),
}
"""Red, green and blue of everything that the camera sees."""
OBJECTS = {"push_block": "block", "push_disc": "disc", "insert_peg": "peg"}
"""Loose objects by task."""


def scene_model(task: Task, width: int, height: int) -> mujoco.MjModel:
    """Return the scene of a task, with an overhead camera for images of `width` x `height` pixels."""
    return mujoco.MjModel.from_xml_string(scene_xml(task, width, height))


def scene_xml(task: Task, width: int, height: int) -> str:
    """Return the MJCF of a task's scene.

    Joints are finger_x, finger_y and the object's, which is the free joint, slide or hinge "object". The mocap bodies "fixture",
    "goal" and, in front of a cabinet, "obstacle" are moved to where an episode has them.
    """
    span_m = 2 * g.VIEW_HALF_M * height / min(width, height)
    servo = 'kv="60" forcerange="-8 8"'
    surface, rim_m = g.TABLE_HALF_M, 0.006
    return f"""
<mujoco model="{task.name}">
  <option timestep="{TIMESTEP_S}" integrator="implicitfast" cone="elliptic" impratio="3"/>
  <visual>
    <global offwidth="{width}" offheight="{height}"/>
    <quality shadowsize="0" offsamples="0"/>
    <headlight ambient="0.5 0.5 0.5" diffuse="0.5 0.5 0.5" specular="0 0 0"/>
    <map znear="0.01" zfar="10"/>
  </visual>
  <statistic center="0 0 0" extent="1"/>
  <default>
    <geom friction="0.5 0.005 0.0001"/>
    <default class="mark"><geom contype="0" conaffinity="0"/></default>
  </default>
  <worldbody>
    <camera name="overhead" pos="0 0 {g.CAMERA_HEIGHT_M}" fovy="{_degrees(span_m)}"/>
    {_box("floor", "floor", (0, 0, -FLOOR_M), (1, 1, 0.01))}
    {_box("rim", "rim", (0, 0, -SURFACE_HALF_M - MARK_M), (surface, surface, SURFACE_HALF_M), mark=True)}
    {_box("table", "table", (0, 0, -SURFACE_HALF_M), (surface, surface, SURFACE_HALF_M), hidden=True)}
    {_box("top", "table", (0, 0, 0), (surface - rim_m, surface - rim_m, MARK_M / 2), mark=True)}
    <body name="goal" mocap="true">{_goal(task)}</body>
    <body name="fixture" mocap="true">{_fixture(task)}</body>
    {_loose(task)}
    <body name="finger" pos="0 0 {g.FINGER_LOW_M}" gravcomp="1">
      <joint name="finger_x" type="slide" axis="1 0 0" limited="true" range="{-g.FINGER_LIMIT_M} {g.FINGER_LIMIT_M}"/>
      <joint name="finger_y" type="slide" axis="0 1 0" limited="true" range="{-g.FINGER_LIMIT_M} {g.FINGER_LIMIT_M}"/>
      <geom name="finger" type="capsule" fromto="0 0 0 0 0 {g.FINGER_HIGH_M - g.FINGER_LOW_M}" size="{g.FINGER_RADIUS_M}" mass="0.3"
            priority="1" friction="0.2 0.005 0.0001" rgba="{_rgba("finger")}"/>
    </body>
  </worldbody>
  <actuator>
    <velocity name="finger_x" joint="finger_x" {servo}/>
    <velocity name="finger_y" joint="finger_y" {servo}/>
  </actuator>
</mujoco>
"""


def _degrees(span_m: float) -> float:
    """Return the angle of the camera that sees this length on the table."""
    return math.degrees(2 * math.atan(span_m / 2 / g.CAMERA_HEIGHT_M))


def _goal(task: Task) -> str:
    if task.kind is Kind.DRAWER:
        beside_m = g.BAR_HALF_M + 0.022
        return "".join(_disc(f"goal_{x}", "goal", (x, 0, 0), 0.016, MARK_M, mark=True) for x in (-beside_m, beside_m))
    radius_m = 0.018 if task.kind is Kind.LEVER else g.GOAL_RADIUS_M[task.name] + 0.008
    return _disc("goal", "goal", (0, 0, 0), radius_m, MARK_M, mark=True)


def _fixture(task: Task) -> str:
    """Return what an episode places somewhere else on the table, with the drawer or lever that belongs to it."""
    height = g.HANDLE_HEIGHT_M / 2
    above = height + ABOVE_TABLE_M
    if task.kind is Kind.LEVER:
        arm = _box("arm", "lever", (0, 0, above), (g.LEVER_ARM_M, g.LEVER_HALF_M, height), mass=0.15)
        tip = _disc("tip", "tip", (g.LEVER_ARM_M, 0, above), g.LEVER_HALF_M + 0.004, height, mass=0.02)
        hub = _disc("hub", "wall", (0, 0, 2 * height), 0.012, MARK_M, mark=True)
        hinge = '<joint name="object" type="hinge" axis="0 0 1" damping="0.01" frictionloss="0.04"/>'
        return f"{hub}<body name='object'>{hinge}{arm}{tip}</body>"
    if task.kind is Kind.DRAWER:
        depth_m = (g.TABLE_HALF_M - g.CABINET_FRONT_Y_M) / 2
        cabinet = _box("cabinet", "cabinet", (0, depth_m, height), (g.CABINET_HALF_M, depth_m, height))
        slide = f'<joint name="object" type="slide" axis="0 -1 0" limited="true" range="0 {g.DRAWER_TRAVEL_M}" damping="4" frictionloss="1"/>'
        panel = _box(
            "panel", "drawer", (0, -g.PANEL_OUT_M, above), (g.PANEL_HALF_M, g.PANEL_HALF_THICKNESS_M, height), mass=0.3
        )
        inside = _box(
            "inside", "drawer", (0, depth_m, height - 0.004), (g.PANEL_HALF_M - 0.008, depth_m, height), mark=True
        )
        out_m = g.BAR_OUT_M / 2
        stem = _box("stem", "handle", (0, -g.PANEL_OUT_M - out_m, above), (g.STEM_HALF_M, out_m, height), mass=0.05)
        bar_at = (0, -g.PANEL_OUT_M - g.BAR_OUT_M, above)
        bar = _box("bar", "handle", bar_at, (g.BAR_HALF_M, g.BAR_HALF_THICKNESS_M, height), mass=0.05)
        return f"{cabinet}<body name='object'>{slide}{panel}{inside}{stem}{bar}</body>"
    if task.name != "insert_peg":
        return ""
    beside_m, depth_m = g.SLOT_HALF_M + g.SLOT_WALL_M / 2, g.SLOT_DEPTH_M / 2
    sides = [
        _box(f"wall_{x}", "wall", (x, depth_m, height), (g.SLOT_WALL_M / 2, depth_m, height))
        for x in (-beside_m, beside_m)
    ]
    back = _box(
        "wall_back", "wall", (0, 2 * depth_m, height), (beside_m + g.SLOT_WALL_M / 2, g.SLOT_WALL_M / 2, height)
    )
    return "".join((*sides, back))


def _loose(task: Task) -> str:
    """Return what is loose on the table, and what stands in its way."""
    if task.kind is Kind.LEVER:
        return ""
    if task.kind is Kind.DRAWER:
        shape = f'type="cylinder" size="{g.POST_RADIUS_M} {g.HANDLE_HEIGHT_M / 2}" pos="0 0 {g.HANDLE_HEIGHT_M / 2}"'
        # Rough, so that a finger does not slip around it by chance.
        post = f'<geom name="obstacle" {shape} priority="2" friction="1 0.005 0.0001" rgba="{_rgba("obstacle")}"/>'
        return f'<body name="obstacle" mocap="true">{post}</body>'
    name = OBJECTS[task.name]
    obstacle = _disc("obstacle", "obstacle", (0, 0, 0), g.OBSTACLE_RADIUS_M[task.name], g.OBSTACLE_HEIGHT_M)
    if name == "block":
        geom = _box(name, name, (0, 0, 0), (g.BLOCK_HALF_M, g.BLOCK_HALF_M, g.BLOCK_HEIGHT_M / 2), mass=0.15)
    else:
        radius_m, height_m = (g.DISC_RADIUS_M, g.DISC_HEIGHT_M) if name == "disc" else (g.PEG_RADIUS_M, g.PEG_HEIGHT_M)
        geom = _disc(name, name, (0, 0, 0), radius_m, height_m / 2, mass=0.15)
    return f'{obstacle}<body name="object"><freejoint name="object"/>{geom}</body>'


Vector = tuple[float, float, float]


def _box(
    name: str, colour: str, at: Vector, half: Vector, *, mass: float = 0.0, mark: bool = False, hidden: bool = False
) -> str:
    size = " ".join(map(str, half))
    return _geom(name, colour, at, f'type="box" size="{size}"', mass, mark=mark, hidden=hidden)


def _disc(
    name: str, colour: str, at: Vector, radius: float, half: float, *, mass: float = 0.0, mark: bool = False
) -> str:
    return _geom(name, colour, at, f'type="cylinder" size="{radius} {half}"', mass, mark=mark)


def _geom(name: str, colour: str, at: Vector, shape: str, mass: float, *, mark: bool, hidden: bool = False) -> str:
    kind = 'class="mark"' if mark else ""
    weight = f'mass="{mass}"' if mass else 'mass="0"' if mark else ""
    position = " ".join(map(str, at))
    return (
        f'<geom name="{name}" {kind} {weight} pos="{position}" {shape} rgba="{_rgba(colour, 0.0 if hidden else 1.0)}"/>'
    )


def _rgba(colour: str, opacity: float = 1.0) -> str:
    return " ".join(map(str, (*COLOURS[colour], opacity)))
