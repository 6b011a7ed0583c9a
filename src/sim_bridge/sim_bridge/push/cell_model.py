"""The push cell as a MuJoCo model."""

from __future__ import annotations

from sim_bridge.headless_mujoco import mujoco
from sim_bridge.push.geometry import PUSH_GEOMETRY, PushGeometry
from sim_bridge.push.matter import COLOURS, CUBE_KG, FRICTION, PUSHER_KG, SERVO_N, SERVO_N_PER_M, TIMESTEP_S
from sim_bridge.push.view import field_of_view


def push_cell_model(width: int = 96, height: int = 96, geometry: PushGeometry = PUSH_GEOMETRY) -> mujoco.MjModel:
    """Return the model of one cell, with an overhead camera for images of `width` x `height` pixels."""
    return mujoco.MjModel.from_xml_string(push_cell_xml(width, height, geometry))


def push_cell_xml(width: int, height: int, geometry: PushGeometry = PUSH_GEOMETRY) -> str:
    """Return the MJCF of one cell.

    Its bodies are cube, pusher, rim (walls and obstacle) and goal (a mocap body); its camera is "overhead", and its sensor "touch" detects
    contact of cube and rim. Only the listed pairs collide: the pusher moves above the rim.
    """
    g = geometry
    half, rim = g.cube_side_m / 2, g.rim_height_m / 2
    wall_at, wall_long = g.workspace_half_m + g.wall_m / 2, g.workspace_half_m + g.wall_m
    colour = {name: f"{red} {green} {blue} 1" for name, (red, green, blue) in COLOURS.items()}
    walls = {
        "wall_right": (wall_at, 0.0, g.wall_m / 2, wall_long),
        "wall_left": (-wall_at, 0.0, g.wall_m / 2, wall_long),
        "wall_far": (0.0, wall_at, wall_long, g.wall_m / 2),
        "wall_near": (0.0, -wall_at, wall_long, g.wall_m / 2),
    }
    wall_geoms = "\n".join(
        f'<geom name="{name}" type="box" pos="{x} {y} {rim}" size="{sx} {sy} {rim}" rgba="{colour["walls"]}"/>'
        for name, (x, y, sx, sy) in walls.items()
    )
    against = {"floor": "floor", "pusher": "pusher", "obstacle": "rim", **dict.fromkeys(walls, "rim")}
    pairs = "\n".join(
        f'<pair geom1="{name}" geom2="cube" condim="4" friction="{FRICTION[of]} {FRICTION[of]} 0.005 0 0"/>'
        for name, of in against.items()
    )
    view = field_of_view(height, width, height, g)
    servo = f'kp="{SERVO_N_PER_M}" dampratio="1" forcerange="-{SERVO_N} {SERVO_N}"'
    return f"""
<mujoco model="push_cell">
  <option timestep="{TIMESTEP_S}" cone="elliptic" impratio="5" integrator="implicitfast"/>
  <visual>
    <global offwidth="{width}" offheight="{height}"/>
    <quality shadowsize="0" offsamples="0"/>
    <headlight ambient="0.55 0.55 0.55" diffuse="0.45 0.45 0.45" specular="0 0 0"/>
    <map znear="0.01" zfar="10"/>
  </visual>
  <statistic center="0 0 0" extent="1"/>
  <default><geom contype="0" conaffinity="0"/></default>
  <worldbody>
    <camera name="overhead" pos="0 0 {g.camera_height_m}" fovy="{view}"/>
    <geom name="floor" type="plane" size="1 1 0.1" rgba="{colour["floor"]}"/>
    <body name="rim">
      {wall_geoms}
      <geom name="obstacle" type="box" pos="0 0 {rim}" size="{g.obstacle_half_m} {g.obstacle_half_m} {rim}"
            rgba="{colour["obstacle"]}"/>
    </body>
    <body name="goal" mocap="true">
      <geom name="goal" type="cylinder" size="{g.goal_radius_m} 0.0005" rgba="{colour["goal"]}"/>
    </body>
    <body name="cube" pos="0 0 {half}">
      <freejoint name="cube"/>
      <geom name="cube" type="box" size="{half} {half} {half}" mass="{CUBE_KG}" rgba="{colour["cube"]}"/>
    </body>
    <body name="pusher" pos="0 0 {g.pusher_low_m + g.pusher_height_m / 2}" gravcomp="1">
      <joint name="pusher_x" type="slide" axis="1 0 0"/>
      <joint name="pusher_y" type="slide" axis="0 1 0"/>
      <joint name="pusher_lift" type="slide" axis="0 0 1"/>
      <joint name="pusher_yaw" type="hinge" axis="0 0 1"/>
      <geom name="pusher" type="box" mass="{PUSHER_KG}" rgba="{colour["pusher"]}"
            size="{g.pusher_half_thickness_m} {g.pusher_half_width_m} {g.pusher_height_m / 2}"/>
    </body>
  </worldbody>
  <contact>
    {pairs}
  </contact>
  <actuator>
    <position name="pusher_x" joint="pusher_x" {servo}/>
    <position name="pusher_y" joint="pusher_y" {servo}/>
    <position name="pusher_lift" joint="pusher_lift" {servo}/>
    <position name="pusher_yaw" joint="pusher_yaw" kp="5" dampratio="1"/>
  </actuator>
  <sensor>
    <contact name="touch" body1="cube" body2="rim" data="found" num="1"/>
  </sensor>
</mujoco>
"""
