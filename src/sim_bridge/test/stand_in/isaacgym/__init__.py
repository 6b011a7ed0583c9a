"""A stand-in for Isaac Gym Preview 4: the calls that this stack makes, in the order that the documentation requires.

The physics of cells is minimal: the pusher's face keeps the cube's centre at a distance. The physics of robots is MuJoCo's.
"""

import sys

if "torch" in sys.modules:
    raise ImportError("PyTorch was imported before isaacgym modules.")
