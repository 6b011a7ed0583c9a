"""A Franka arm at a table with two cubes, as a MuJoCo model of simple bodies.

Positions, ranges and torques of the joints are published by Franka; capsules replace its covers.
"""

from __future__ import annotations

import math

from sim_bridge.benchmark.scenery import SKY, VISUAL

SUBSTEPS = 4
TIMESTEP_S = 1 / 240
CUBE_A_M, CUBE_B_M = 0.05, 0.07
"""Side lengths of the cubes."""
STAND_M = 0.1
"""Height of the arm's foot above the table."""
TABLE_MIDDLE_M = 0.5
"""Distance of the table's centre from the arm's base."""
ARM_JOINTS = tuple(f"joint_{number}" for number in range(1, 8))
FINGERS = ("left", "right")
FINGER_M = 0.04
"""Stroke of a finger."""
TORQUES_NM = (87, 87, 87, 87, 12, 12, 12)
"""Largest torques of the joints."""
REACH_M = 0.1034
"""Distance from the hand's frame to the point between the finger tips."""
_RANGES_RAD = (
    (-2.8973, 2.8973),
    (-1.7628, 1.7628),
    (-2.8973, 2.8973),
    (-3.0718, -0.0698),
    (-2.8973, 2.8973),
    (-0.0175, 3.7525),
    (-2.8973, 2.8973),
)
_QUARTER = math.sqrt(0.5)
_AHEAD, _BACK = f"{_QUARTER} {_QUARTER} 0 0", f"{_QUARTER} {-_QUARTER} 0 0"
_LINKS = (
    ("0 0 0.333", "1 0 0 0", 4.97, "0 0 -0.12", "0 0 0"),
    ("0 0 0", _BACK, 0.65, "0 0 0", "0 -0.12 0"),
    ("0 -0.316 0", _AHEAD, 3.23, "0 0 -0.12", "0 0 0"),
    ("0.0825 0 0", _AHEAD, 3.59, "0 0 0", "-0.08 0.08 0"),
    ("-0.0825 0.384 0", _BACK, 1.23, "0 0 -0.25", "0 0.05 0"),
    ("0 0 0", _AHEAD, 1.67, "0 0 0", "0.08 0 0"),
    ("0.088 0 0", _AHEAD, 0.74, "0 0 0", "0 0 0.1"),
)
"""Position and quaternion in the previous link, mass in kg, and end points of a capsule, by joint."""


def franka_cube_stack_xml() -> str:
    """Return the MJCF of one arm with two cubes.

    The joints "cube_a" and "cube_b" are free, and the site "grip" is between the finger tips. Actuators are the torques of the seven
    joints and the position controllers of the two fingers.
    """
    motors = "\n".join(
        f'<motor name="{joint}" joint="{joint}" ctrlrange="{-most} {most}"/>'
        for joint, most in zip(ARM_JOINTS, TORQUES_NM, strict=True)
    )
    fingers = "\n".join(
        f'<position name="{finger}" joint="{finger}" kp="400" kv="40" ctrlrange="0 {FINGER_M}" forcerange="-20 20"/>'
        for finger in FINGERS
    )
    touching = [("table", "cube_a"), ("table", "cube_b"), ("cube_a", "cube_b")]
    touching += [(part, cube) for cube in ("cube_a", "cube_b") for part in ("palm", *FINGERS)]
    touching += [("table", finger) for finger in FINGERS]
    pairs = "\n".join(
        f'<pair geom1="{one}" geom2="{other}" condim="4" friction="1 1 0.01 0 0" solref="0.01 1" solimp="0.99 0.999 0.001"/>'
        for one, other in touching
    )
    return f"""
<mujoco model="franka_cube_stack">
  <option timestep="{TIMESTEP_S}" integrator="implicitfast" cone="elliptic" impratio="10"/>
  {VISUAL}
  <default><geom contype="0" conaffinity="0" rgba="0.92 0.92 0.92 1"/></default>
  <asset>{SKY}</asset>
  <worldbody>
    <light directional="true" pos="0 0 10" dir="0.2 0.3 -1" diffuse="0.7 0.7 0.7"/>
    <camera name="side" pos="1.35 -1.25 1.0" xyaxes="0.79 0.61 0 -0.35 0.45 1"/>
    <geom name="table" type="box" pos="{TABLE_MIDDLE_M} 0 -0.025" size="0.6 0.6 0.025" rgba="0.55 0.45 0.35 1"/>
    <geom name="stand" type="box" pos="0 0 {STAND_M / 2}" size="0.1 0.1 {STAND_M / 2}" rgba="0.2 0.2 0.2 1"/>
    <body name="foot" pos="0 0 {STAND_M}">
      <geom type="capsule" size="0.07" fromto="0 0 0.05 0 0 0.2"/>
      {_link(0)}
    </body>
    {_cube("cube_a", CUBE_A_M, "0.8 0.2 0.15 1")}
    {_cube("cube_b", CUBE_B_M, "0.15 0.5 0.25 1")}
  </worldbody>
  <contact>{pairs}</contact>
  <actuator>{motors}{fingers}</actuator>
</mujoco>
"""


def _link(index: int) -> str:
    place, turned, mass, start, end = _LINKS[index]
    low, high = _RANGES_RAD[index]
    capsule = f"{start} {end}" if start != end else f"{start} 0 0 0.001"
    return f"""
<body name="link_{index + 1}" pos="{place}" quat="{turned}" gravcomp="1">
  <joint name="{ARM_JOINTS[index]}" type="hinge" axis="0 0 1" range="{math.degrees(low)} {math.degrees(high)}"
         armature="0.1"/>
  <geom type="capsule" size="0.055" fromto="{capsule}" mass="{mass}"/>
  {_link(index + 1) if index + 1 < len(_LINKS) else _hand()}
</body>
"""


def _hand() -> str:
    fingers = "\n".join(
        f"""
<body name="{finger}" pos="0 0 0.0584" gravcomp="1">
  <joint name="{finger}" type="slide" axis="0 {side} 0" range="0 {FINGER_M}" armature="0.1" damping="1"/>
  <geom name="{finger}" type="box" pos="0 {0.006 * side} 0.027" size="0.01 0.006 0.027" mass="0.015"
        rgba="0.3 0.3 0.3 1"/>
  <site name="{finger}_tip" pos="0 {0.006 * side} 0.045"/>
</body>"""
        for finger, side in zip(FINGERS, (1, -1), strict=True)
    )
    return f"""
<body name="hand" pos="0 0 0.107" quat="{math.cos(math.pi / 8)} 0 0 {-math.sin(math.pi / 8)}" gravcomp="1">
  <geom name="palm" type="box" pos="0 0 0.03" size="0.02 0.1 0.025" mass="0.73"/>
  <site name="grip" pos="0 0 {REACH_M}"/>
  {fingers}
</body>
"""


def _cube(name: str, side_m: float, colour: str) -> str:
    half = side_m / 2
    return f"""
<body name="{name}">
  <freejoint name="{name}"/>
  <geom name="{name}" type="box" size="{half} {half} {half}" density="400" rgba="{colour}"/>
</body>
"""
