"""Colours of all user interfaces, which are colour-blind safe (Okabe and Ito)."""

from __future__ import annotations

from fleet_contract.driving import Driver

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

TEXT, MUTED = (240, 240, 240), (170, 176, 184)
SKY = (86, 180, 233)
"""Normal operation: the policy drives and is certain."""
ORANGE = (230, 159, 0)
"""A human is needed or drives: the policy is uncertain, or the robot is teleoperated."""
YELLOW = (240, 228, 66)
"""A hard reset is needed or in progress."""
VERMILION = (235, 104, 40)
"""Forbidden regions and faults."""
GREEN = (0, 180, 130)
"""Goals, and permission to move."""

DRIVER_COLOURS = {Driver.NOBODY: MUTED, Driver.POLICY: SKY, Driver.HUMAN: ORANGE, Driver.RESET: YELLOW}


def uncertainty_colour(uncertainty: float, threshold: float) -> Colour:
    """Return the colour of an uncertainty; above the threshold the robot asks for help."""
    return ORANGE if uncertainty > threshold else SKY


def as_hex(colour: Colour) -> str:
    """Return the colour as #rrggbb."""
    return "#{:02x}{:02x}{:02x}".format(*colour)
