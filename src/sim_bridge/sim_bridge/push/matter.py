"""Masses, friction and colours of the push cell in every simulator. The Isaac Gym worker imports it on Python 3.8."""

from __future__ import annotations

TIMESTEP_S = 0.004
CUBE_KG = 0.03
"""Mass of a wooden cube of 35 mm."""
PUSHER_KG = 0.2
SERVO_N_PER_M = 2500.0
SERVO_N = 2.0
"""Largest force of the pusher: when the cube is against the rim, it stalls instead of tipping the cube over."""
FRICTION = {"floor": 0.4, "pusher": 0.2, "rim": 0.3}
"""Coulomb friction coefficients of the cube against floor, pusher and rim."""
COLOURS = {
    "floor": (0.93, 0.92, 0.89),
    "walls": (0.55, 0.57, 0.60),
    "obstacle": (0.30, 0.31, 0.34),
    "goal": (0.36, 0.78, 0.42),
    "cube": (0.13, 0.36, 0.86),
    "pusher": (0.90, 0.55, 0.20),
}
"""Red, green and blue, 0 to 1."""
