"""An ANYmal C as a MuJoCo model of simple bodies.

Positions and limits of the joints and masses of the parts are published by ANYbotics; boxes and capsules replace its covers.
"""

from __future__ import annotations

from sim_bridge.benchmark.scenery import VISUAL, ground, ground_assets

GROUND_HALF_M = 1000
SUBSTEPS = 4
TIMESTEP_S = 0.005
START_HEIGHT_M = 0.62
LEGS = {"lf": (1, 1), "lh": (-1, 1), "rf": (1, -1), "rh": (-1, -1)}
"""Signs of the legs' positions: 1 is forward and left, -1 is backward and right."""
JOINTS = tuple(f"{leg}_{joint}" for leg in LEGS for joint in ("haa", "hfe", "kfe"))
"""Joints in the order of observations and actions: hip abduction, hip flexion and knee flexion of every leg."""
STIFFNESS_NM, DAMPING_NM_S, MOST_TORQUE_NM = 85.0, 2.0, 80.0
"""Gains and torque limit of the joints' position controllers."""
BASE_KG, HIP_KG, THIGH_KG, SHANK_KG, FOOT_KG = 28.0, 2.5, 3.1, 0.45, 0.15
"""Masses of the parts, 52.8 kg together."""


def anymal_xml() -> str:
    """Return the MJCF of one robot on a plane.

    Its sensors are whether the base touches the ground and whether each leg's thigh does, one number each. Its actuators are the
    joints' position controllers.
    """
    legs = "\n".join(_leg(name, *side) for name, side in LEGS.items())
    servos = "\n".join(
        f'<position name="{joint}" joint="{joint}" kp="{STIFFNESS_NM}" kv="{DAMPING_NM_S}" '
        f'forcerange="-{MOST_TORQUE_NM} {MOST_TORQUE_NM}"/>'
        for joint in JOINTS
    )
    touches = "\n".join(
        f'<contact geom1="floor" body2="{body}" data="found"/>' for body in ("base", *(f"{leg}_thigh" for leg in LEGS))
    )
    return f"""
<mujoco model="anymal">
  <option timestep="{TIMESTEP_S}" integrator="implicitfast"/>
  {VISUAL}
  <default>
    <joint armature="0.01"/>
    <geom contype="0" conaffinity="1" condim="3" friction="1 0.02 0.01" rgba="0.75 0.1 0.1 1"/>
  </default>
  <statistic center="0 0 0.5" extent="2"/>
  <asset>
    {ground_assets(GROUND_HALF_M)}
  </asset>
  <worldbody>
    {ground(GROUND_HALF_M)}
    <body name="base" pos="0 0 {START_HEIGHT_M}">
      <camera name="side" mode="trackcom" pos="0.6 -2.2 0.9" xyaxes="1 0.2 0 0 0.35 1"/>
      <freejoint name="root"/>
      <geom name="base" type="box" size="0.265 0.14 0.12" mass="{BASE_KG}"/>
      <geom name="head" type="box" pos="0.36 0 0.02" size="0.09 0.12 0.08" mass="0" rgba="0.15 0.15 0.15 1"/>
      <geom name="tail" type="box" pos="-0.36 0 0.02" size="0.09 0.12 0.08" mass="0" rgba="0.15 0.15 0.15 1"/>
      {legs}
    </body>
  </worldbody>
  <actuator>{servos}</actuator>
  <sensor>{touches}</sensor>
</mujoco>
"""


def _leg(name: str, ahead: int, left: int) -> str:
    """Return a leg that hangs straight down at joint angles of zero; positive hip and knee flexions swing it backwards."""
    knee = f"0 {0.1003 * left} -0.285"
    foot = f"{0.08795 * ahead} {0.01305 * left} -0.33797"
    return f"""
<body name="{name}_hip" pos="{0.2999 * ahead} {0.104 * left} 0">
  <joint name="{name}_haa" type="hinge" axis="1 0 0" range="-0.72 0.72"/>
  <geom type="sphere" size="0.06" mass="{HIP_KG}" rgba="0.3 0.3 0.3 1"/>
  <body name="{name}_thigh" pos="{0.0599 * ahead} {0.08381 * left} 0">
    <joint name="{name}_hfe" type="hinge" axis="0 1 0"/>
    <geom type="capsule" size="0.05" fromto="0 {0.05 * left} 0 {knee}" mass="{THIGH_KG}" rgba="0.2 0.2 0.2 1"/>
    <body name="{name}_shank" pos="{knee}">
      <joint name="{name}_kfe" type="hinge" axis="0 1 0"/>
      <geom type="capsule" size="0.02" fromto="0 0 0 {foot}" mass="{SHANK_KG}" rgba="0.5 0.5 0.5 1"/>
      <geom name="{name}_foot" type="sphere" size="0.03" pos="{foot}" mass="{FOOT_KG}" rgba="0.1 0.1 0.1 1"/>
    </body>
  </body>
</body>
"""
