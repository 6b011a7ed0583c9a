"""Scripted supervisors that stack cube A on cube B (IIFL appendix 7.3.2), from what the robot observes alone.

Above A, turn, down to A, close; up, above B, down on B, open. Which step it is shows in the observation, so a supervisor
helps at any moment. Styles grasp A by different faces: "theta" turns the hand to the cube's yaw, from 0 to a quarter turn,
"theta_minus_quarter" to the faces beside these.

S state dim, A action dim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from teleop_gui.supervisor import ScriptedSupervisor

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.spatial.transform import Rotation

STYLES = {"theta": 0.0, "theta_minus_quarter": -np.pi / 2}
"""By which the hand's yaw differs from the cube's, radians."""
CUBE_A_M, CUBE_B_M = 0.05, 0.07
FULL_M, FULL_RAD = 0.05, 0.25
"""Off by so much or more, the hand is moved as fast as it can be."""
ABOVE_M = 0.1
"""Above a cube, before the hand goes down to it."""
CLEAR_M = 0.05
"""Above its place on B, before A goes down to it."""
FREE_M, FREE_RAD = 0.005, 0.05
"""So far beside a place, or turned, is no reason to stay above it."""
STEEP, STEEP_M_PER_RAD = 4.0, 0.5
"""Height by which the hand stays above a place, for every metre beside it, and for what is left to turn."""
NEAR_M, OVER_B_M, TURNED_RAD = 0.012, 0.017, 0.12
"""What is good enough to go on."""
LOW_M = 0.02
"""Motion to the side fades over so much, from NEAR_M below that height on."""
HELD_M = 0.054
"""Opening of the gripper around A: wider holds nothing."""


class StackSupervisor(ScriptedSupervisor):
    """`Supervisor` of one style."""

    def __init__(self, style: str) -> None:
        self._offset = STYLES[style]

    def act(self, state_S: NDArray[np.float64]) -> NDArray[np.float64]:
        """The action (A,) of the step that it is time for."""
        from scipy.spatial.transform import Rotation

        cube, a_3, a_to_b_3 = Rotation.from_quat(state_S[:4]), state_S[4:7], state_S[7:10]
        hand_3, hand, opening = state_S[10:13], Rotation.from_quat(state_S[13:17]), state_S[17:].sum()
        to_a_3 = a_3 - hand_3
        to_place_3 = a_to_b_3 + np.array([0.0, 0.0, (CUBE_A_M + CUBE_B_M) / 2])
        placed = _flat(to_place_3) < OVER_B_M and abs(to_place_3[2]) < NEAR_M
        around = np.linalg.norm(to_a_3) < 2 * NEAR_M
        if placed:
            # The hand stays where it is until it has let go, and then leaves.
            lets_go = around and opening < CUBE_A_M + NEAR_M
            leaves_3 = np.array([0.0, 0.0, 0.0 if lets_go else ABOVE_M])
            return _action(leaves_3, hand, _yaw(hand), opens=True)
        if around and opening < HELD_M:
            return _action(_down_to(to_place_3, 0.0, CLEAR_M), hand, _yaw(hand), opens=False)
        yaw = np.mod(_yaw(cube), np.pi / 2) + self._offset
        turn = abs(_between(yaw, _yaw(hand)))
        closes = np.linalg.norm(to_a_3) < NEAR_M and turn < TURNED_RAD
        return _action(to_a_3 if closes else _down_to(to_a_3, turn, ABOVE_M), hand, yaw, opens=not closes)


def _down_to(way_3: NDArray[np.float64], turn: float, above_m: float) -> NDArray[np.float64]:
    """To a place from above, through a funnel: the nearer and the better turned, the lower."""
    beside = STEEP * (_flat(way_3) - FREE_M) + STEEP_M_PER_RAD * max(turn - FREE_RAD, 0.0)
    height = float(np.clip(beside, 0.0, above_m))
    up = way_3[2] + height
    aside = np.clip(1 - (up - NEAR_M) / LOW_M, 0.0, 1.0)
    return np.array([aside * way_3[0], aside * way_3[1], up])


def _action(along_3: NDArray[np.float64], hand: Rotation, yaw: float, *, opens: bool) -> NDArray[np.float64]:
    """An action towards a place that differs by so much from the hand's, pointing down at a yaw."""
    from scipy.spatial.transform import Rotation

    pointing_down = Rotation.from_euler("z", yaw) * Rotation.from_euler("x", np.pi)
    about_3 = (pointing_down * hand.inv()).as_rotvec()
    moves_6 = np.concatenate([along_3 / FULL_M, about_3 / FULL_RAD])
    return np.append(np.clip(moves_6, -1, 1), 1.0 if opens else -1.0)


def _yaw(of: Rotation) -> float:
    """Of the x axis, radians."""
    x, y, _ = of.apply((1.0, 0.0, 0.0))
    return float(np.arctan2(y, x))


def _between(one: float, other: float) -> float:
    """The turn from one yaw to another, radians."""
    return float(np.remainder(one - other + np.pi, 2 * np.pi) - np.pi)


def _flat(along_3: NDArray[np.float64]) -> float:
    return float(np.hypot(along_3[0], along_3[1]))
