"""Colours of everything that people see, which tell apart for the colour-blind (Okabe and Ito). Red, green, blue."""

from __future__ import annotations

from fleet_contract.driving import Driver

Colour = tuple[int, int, int]

TEXT, MUTED = (240, 240, 240), (170, 176, 184)
SKY = (86, 180, 233)
"""As it should be: the policy drives, and is sure."""
ORANGE = (230, 159, 0)
"""A human is wanted or there: the policy is unsure, or the human drives."""
YELLOW = (240, 228, 66)
"""A hard reset is needed or under way."""
VERMILION = (235, 104, 40)
"""Where nothing may go, and what has gone wrong."""
GREEN = (0, 180, 130)
"""Where to go, and go."""

DRIVER_COLOURS = {Driver.NOBODY: MUTED, Driver.POLICY: SKY, Driver.HUMAN: ORANGE, Driver.RESET: YELLOW}


def uncertainty_colour(uncertainty: float, threshold: float) -> Colour:
    """Of an uncertainty against the threshold above which a robot asks for help."""
    return ORANGE if uncertainty > threshold else SKY


def as_hex(colour: Colour) -> str:
    """The colour as #rrggbb."""
    return "#{:02x}{:02x}{:02x}".format(*colour)
