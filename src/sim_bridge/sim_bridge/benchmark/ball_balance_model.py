"""A tray on three legs with a ball on it, as a MuJoCo model; the sizes are those of Isaac Gym's balance bot.

Each leg has an upper and a lower part, and a knee between them that bends inwards. The feet are pinned to the ground, so that tray
and legs are a closed chain: three of the six hinges, the knees, are driven, and the tray follows.
"""

from __future__ import annotations

import math

from sim_bridge.benchmark.scenery import SKY, VISUAL

SUBSTEPS = 5
TIMESTEP_S = 0.002
TRAY_RADIUS_M, TRAY_THICKNESS_M = 0.5, 0.02
LEG_RADIUS_M, LEG_LENGTH_M = 0.02, 0.36
FOOT_FROM_MIDDLE_M = 0.4
LEGS = ("first", "second", "third")
"""Names of the legs at 0, 120 and 240 degrees."""
KNEE_RANGE_RAD = (math.radians(-70), math.radians(90))
"""Range of the knees: at zero they are bent by 90 degrees and the tray is level; positive angles stretch the leg."""
BALL_RADIUS_M = 0.1
TRAY_DENSITY, LEG_DENSITY, BALL_DENSITY = 100, 1000, 200
"""Densities, kg/m3."""
STIFFNESS_NM, DAMPING_NM_S = 600, 12
"""Gains of the knees' position controllers."""
_REACH_M = LEG_LENGTH_M / math.sqrt(2)
TRAY_HEIGHT_M = 2 * _REACH_M + 2 * LEG_RADIUS_M + TRAY_THICKNESS_M / 2
"""Height of the tray's centre when all knees are at zero, m."""


def ball_balance_xml() -> str:
    """Return the MJCF of one tray with its ball.

    Its sensors are force and torque between each leg and the tray, in a frame that turns with the leg and is that of the tray at rest.
    Its actuators are the knees' position controllers. The joints "tray" and "ball" are free.
    """
    angles = [2 * math.pi * index / len(LEGS) for index in range(len(LEGS))]
    legs = "\n".join(_leg(name, angle) for name, angle in zip(LEGS, angles, strict=True))
    pins = "\n".join(
        f'<connect body1="{name}_lower" body2="world" anchor="{_REACH_M} 0 {-_REACH_M}" solref="0.004 1"/>'
        for name in LEGS
    )
    low, high = KNEE_RANGE_RAD
    servos = "\n".join(
        f'<position name="{name}" joint="{name}_knee" kp="{STIFFNESS_NM}" kv="{DAMPING_NM_S}" ctrlrange="{low} {high}"/>'
        for name in LEGS
    )
    sensors = "\n".join(f'<force site="{name}_mount"/>\n<torque site="{name}_mount"/>' for name in LEGS)
    return f"""
<mujoco model="ball_balance">
  <compiler angle="radian"/>
  <option timestep="{TIMESTEP_S}" integrator="implicitfast"/>
  {VISUAL}
  <default>
    <joint armature="0.01" damping="0.5"/>
    <geom contype="0" conaffinity="0" rgba="0.25 0.3 0.4 1"/>
  </default>
  <asset>{SKY}</asset>
  <worldbody>
    <light directional="true" pos="0 0 10" dir="0 0.3 -1" diffuse="0.7 0.7 0.7"/>
    <camera name="side" pos="0 -2.3 1.5" xyaxes="1 0 0 0 0.45 1"/>
    <geom name="floor" type="plane" size="2 2 0.1" rgba="0.85 0.85 0.85 1"/>
    <body name="tray" pos="0 0 {TRAY_HEIGHT_M}">
      <freejoint name="tray"/>
      <geom name="tray" type="cylinder" size="{TRAY_RADIUS_M} {TRAY_THICKNESS_M / 2}" density="{TRAY_DENSITY}"
            rgba="0.5 0.55 0.65 1"/>
      {legs}
    </body>
    <body name="ball" pos="0 0 {TRAY_HEIGHT_M + TRAY_THICKNESS_M / 2 + BALL_RADIUS_M}">
      <freejoint name="ball"/>
      <geom name="ball" type="sphere" size="{BALL_RADIUS_M}" density="{BALL_DENSITY}" rgba="0.9 0.4 0.1 1"/>
    </body>
  </worldbody>
  <contact><pair geom1="tray" geom2="ball" condim="4" friction="1 1 0.005 0 0"/></contact>
  <equality>{pins}</equality>
  <actuator>{servos}</actuator>
  <sensor>{sensors}</sensor>
</mujoco>
"""


def _leg(name: str, angle: float) -> str:
    """Return a leg below the tray: down and inwards to the knee, then down and outwards to the foot."""
    x, y = FOOT_FROM_MIDDLE_M * math.cos(angle), FOOT_FROM_MIDDLE_M * math.sin(angle)
    mount_z = -LEG_RADIUS_M - TRAY_THICKNESS_M / 2
    capsule = f'type="capsule" size="{LEG_RADIUS_M}" density="{LEG_DENSITY}"'
    knee, foot = f"{-_REACH_M} 0 {-_REACH_M}", f"{_REACH_M} 0 {-_REACH_M}"
    return f"""
<body name="{name}_upper" pos="{x} {y} {mount_z}" euler="0 0 {angle}">
  <joint name="{name}_hip" type="hinge" axis="0 1 0"/>
  <geom {capsule} fromto="0 0 0 {knee}"/>
  <site name="{name}_mount" euler="0 0 {-angle}"/>
  <body name="{name}_lower" pos="{knee}">
    <joint name="{name}_knee" type="hinge" axis="0 1 0"/>
    <geom {capsule} fromto="0 0 0 {foot}"/>
  </body>
</body>
"""
