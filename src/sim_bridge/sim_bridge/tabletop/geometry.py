"""Sizes and positions on the tabletop, m, in the frame of the table's centre: x to the right and y up in the image."""

from __future__ import annotations

TABLE_HALF_M = 0.2
"""Distance from the centre to the rim, along x and y."""
VIEW_HALF_M = 0.225
"""Half the side of the square that the camera sees at the height of the table."""
CAMERA_HEIGHT_M = 1.2
"""Height of the camera above the table's centre."""

FINGER_RADIUS_M = 0.012
"""Radius of the finger."""
FINGER_LOW_M, FINGER_HIGH_M = 0.032, 0.075
"""Heights of the ends of the finger's axis: it passes above the obstacle."""
FINGER_LIMIT_M = 0.195
"""Largest |x| and |y| of the finger, which always stays in the image."""

OBSTACLE_RADIUS_M = {"push_block": 0.035, "push_disc": 0.035, "insert_peg": 0.03}
"""Radius of the flat obstacle at the table's centre, by task."""
OBSTACLE_HEIGHT_M = 0.008
"""Height of the flat obstacle: an object that is pushed onto it trips."""

BLOCK_HALF_M, BLOCK_HEIGHT_M = 0.0225, 0.085
"""Half the side of the block, and its height: it topples when it trips."""
DISC_RADIUS_M, DISC_HEIGHT_M = 0.028, 0.045
"""Size of the disc."""
PEG_RADIUS_M, PEG_HEIGHT_M = 0.02, 0.05
"""Size of the peg."""
GOAL_RADIUS_M = {"push_block": 0.03, "push_disc": 0.03, "insert_peg": 0.014}
"""Distance of a loose object from its goal at which it has arrived, by task."""

SLOT_HALF_M, SLOT_DEPTH_M, SLOT_WALL_M = 0.028, 0.06, 0.012
"""Half the width of the slot between its walls, the length of the walls, and their thickness."""
SLOT_MOUTH_Y_M = 0.095
"""Where the slot begins."""
SLOT_GOAL_M = 0.024
"""Distance of the peg's goal behind the mouth."""

POST_RADIUS_M = 0.016
"""Radius of the post in front of the cabinet, which the finger has to go around."""
CABINET_HALF_M, CABINET_FRONT_Y_M = 0.085, 0.1
"""Half the width of the cabinet, and where its front is."""
PANEL_HALF_M, PANEL_HALF_THICKNESS_M = 0.07, 0.004
"""Half the width and half the thickness of the drawer's front."""
PANEL_OUT_M = 0.006
"""Distance of the middle of the drawer's front from the cabinet when it is closed."""
BAR_HALF_M, BAR_HALF_THICKNESS_M, BAR_OUT_M = 0.048, 0.005, 0.046
"""Half the length and half the thickness of the handle's bar, and its distance from the drawer's front."""
BAR_Y_M = CABINET_FRONT_Y_M - PANEL_OUT_M - BAR_OUT_M
"""Where the bar is when the drawer is closed."""
STEM_HALF_M = 0.006
"""Half the thickness of the stem between the drawer's front and the bar."""
DRAWER_TRAVEL_M = 0.11
"""Opening at which the drawer stops."""
OPENED_M, CLOSED_M = 0.09, 0.01
"""Opening from which a drawer counts as open, and up to which it counts as closed."""

LEVER_ARM_M, LEVER_HALF_M = 0.09, 0.009
"""Length of each of the lever's two arms from the pivot, and half their thickness."""
LEVER_TOLERANCE_RAD = 0.12
"""Angle from the goal at which the lever has arrived."""
HANDLE_HEIGHT_M = 0.05
"""Height of the drawer's handle, the lever and the walls of the slot, which the finger touches."""
