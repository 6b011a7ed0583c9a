"""A four-legged ant as a MuJoCo model.

Its sizes are those of OpenAI Gym's ant; its masses, joint ranges and gears are those of Isaac Gym's, which is faster.
"""

from __future__ import annotations

from sim_bridge.benchmark.scenery import VISUAL, ground, ground_assets

GROUND_HALF_M = 2000
SUBSTEPS = 2
TIMESTEP_S = 1 / 120
TORSO_RADIUS_M, LEG_RADIUS_M = 0.25, 0.08
START_HEIGHT_M = 0.55
LEGS = {"front_left": (1, 1), "front_right": (-1, 1), "left_back": (-1, -1), "right_back": (1, -1)}
"""Quadrants into which the legs point. A leg has a hip, which turns about the vertical axis, and an ankle."""
HIP_RANGE_DEG = 40
ANKLE_RANGE_DEG = (30, 100)
JOINTS = tuple(f"{leg}_{joint}" for leg in LEGS for joint in ("hip", "ankle"))
"""Joints in the order of observations and actions."""
GEAR_NM = 15


def ant_xml() -> str:
    """Return the MJCF of one ant on a plane; its sensors are force and torque between thigh and shin, at the foot, by leg."""
    legs = "\n".join(_leg(name, *quadrant) for name, quadrant in LEGS.items())
    motors = "\n".join(
        f'<motor name="{joint}" joint="{joint}" gear="{GEAR_NM}" ctrllimited="true" ctrlrange="-1 1"/>'
        for joint in JOINTS
    )
    sensors = "\n".join(f'<force site="{leg}_foot"/>\n<torque site="{leg}_foot"/>' for leg in LEGS)
    return f"""
<mujoco model="ant">
  <compiler angle="degree"/>
  <option timestep="{TIMESTEP_S}" integrator="implicitfast"/>
  {VISUAL}
  <default>
    <joint armature="0.01" damping="0.1"/>
    <geom density="5" contype="0" conaffinity="1" condim="3" friction="1 0.05 0.05" rgba="0.6 0.45 0.2 1"/>
  </default>
  <statistic center="0 0 0.5" extent="2"/>
  <asset>
    {ground_assets(GROUND_HALF_M)}
  </asset>
  <worldbody>
    {ground(GROUND_HALF_M)}
    <body name="torso" pos="0 0 {START_HEIGHT_M}">
      <camera name="side" mode="trackcom" pos="0 -3 1.2" xyaxes="1 0 0 0 0.4 1"/>
      <freejoint name="root"/>
      <geom name="torso" type="sphere" size="{TORSO_RADIUS_M}"/>
      {legs}
    </body>
  </worldbody>
  <actuator>{motors}</actuator>
  <sensor>{sensors}</sensor>
</mujoco>
"""


def _leg(name: str, x: int, y: int) -> str:
    """Return a leg that points along (x, y); its ankle bends downwards."""
    low, high = ANKLE_RANGE_DEG
    # A positive angle about an axis to the left of the leg bends it down.
    axis = f"{-y} {x} 0"
    hip, shin = f"{0.2 * x} {0.2 * y} 0", f"{0.4 * x} {0.4 * y} 0"
    capsule = f'type="capsule" size="{LEG_RADIUS_M}"'
    return f"""
<body name="{name}_leg">
  <geom {capsule} fromto="0 0 0 {hip}"/>
  <body name="{name}_thigh" pos="{hip}">
    <joint name="{name}_hip" type="hinge" axis="0 0 1" range="-{HIP_RANGE_DEG} {HIP_RANGE_DEG}"/>
    <geom {capsule} fromto="0 0 0 {hip}"/>
    <body name="{name}_shin" pos="{hip}">
      <joint name="{name}_ankle" type="hinge" axis="{axis}" range="{low} {high}"/>
      <geom {capsule} fromto="0 0 0 {shin}"/>
      <site name="{name}_foot" pos="{shin}"/>
    </body>
  </body>
</body>
"""
