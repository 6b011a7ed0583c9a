"""Sky, ground and light of the benchmark's models, as MJCF."""

from __future__ import annotations

VISUAL = '<visual><quality shadowsize="0" offsamples="0"/><global offwidth="640" offheight="480"/></visual>'
SKY = (
    '<texture name="sky" type="skybox" builtin="gradient" width="32" height="192" rgb1="1 1 1" rgb2="0.75 0.82 0.92"/>'
)


def ground_assets(half_m: int) -> str:
    """Return the assets of the sky and of a ground with squares of 1 m."""
    return f"""{SKY}
    <texture name="floor" type="2d" builtin="checker" width="64" height="64" rgb1="0.85 0.85 0.85" rgb2="0.7 0.7 0.72"/>
    <material name="floor" texture="floor" texrepeat="{half_m} {half_m}" reflectance="0"/>"""


def ground(half_m: int) -> str:
    """Return a light, and a plane called "floor" that robots touch."""
    return f"""<light directional="true" pos="0 0 10" dir="0 0.3 -1" diffuse="0.7 0.7 0.7"/>
    <geom name="floor" type="plane" size="{half_m} {half_m} 1" contype="1" conaffinity="0" rgba="1 1 1 1" material="floor"/>"""
