"""What the push cell is made of, the same in every simulator. Read by the Isaac Gym worker too, on Python 3.8."""

from __future__ import annotations

TIMESTEP_S = 0.004
CUBE_KG = 0.03
"""35 mm of wood."""
PUSHER_KG = 0.2
SERVO_N_PER_M = 2500.0
SERVO_N = 2.0
"""Greatest force of the pusher: it stalls, rather than tips the cube over, when the cube is against the rim."""
FRICTION = {"floor": 0.4, "pusher": 0.2, "rim": 0.3}
"""Coulomb friction of the cube against each."""
COLOURS = {
    "floor": (0.93, 0.92, 0.89),
    "walls": (0.55, 0.57, 0.60),
    "obstacle": (0.30, 0.31, 0.34),
    "goal": (0.36, 0.78, 0.42),
    "cube": (0.13, 0.36, 0.86),
    "pusher": (0.90, 0.55, 0.20),
}
"""Red, green and blue, 0 to 1."""
