"""Stand-in for Isaac Gym Preview 4: the calls that this stack makes, in the order that the documentation asks for.

In cells, physics is the least that moves a cube: the pusher's face keeps the cube's centre at a distance. Robots have MuJoCo's.
"""

import sys

if "torch" in sys.modules:
    raise ImportError("PyTorch was imported before isaacgym modules.")
