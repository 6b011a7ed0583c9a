"""Scripted supervisors that stack cube A on cube B (IIFL appendix 7.3.2) from the robot's observation alone.

The hand moves above A, turns, moves down to A and closes; then it lifts A, moves above B, down to B, and opens. The phase follows from
the observation, so that a supervisor can intervene at any time. The styles grasp A by different faces: "theta" turns the hand to the
cube's yaw, from 0 to a quarter turn, and "theta_minus_quarter" to the neighbouring faces.

S state dim, A action dim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from teleop_gui.supervisor import ScriptedSupervisor

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.spatial.transform import Rotation

    from fleet_supervisors.supervisor_request import SupervisorRequest

STYLES = {"theta": 0.0, "theta_minus_quarter": -np.pi / 2}
"""Offset of the hand's yaw from the cube's by style, radians."""
CUBE_A_M, CUBE_B_M = 0.05, 0.07
"""Side lengths of the cubes."""
FULL_M, FULL_RAD = 0.05, 0.25
"""Errors of position and orientation from which the hand moves at full speed."""
ABOVE_M = 0.1
"""Height above a cube from which the hand moves down to it."""
CLEAR_M = 0.05
"""Height above the goal on B from which A is moved down."""
FREE_M, FREE_RAD = 0.005, 0.05
"""Errors of position and orientation that do not keep the hand up."""
STEEP, STEEP_M_PER_RAD = 4.0, 0.5
"""Height of the hand per metre of horizontal error, and per radian of orientation error."""
NEAR_M, OVER_B_M, TURNED_RAD = 0.012, 0.017, 0.12
"""Errors at which the next phase begins: position of the hand, position of A on B, and orientation."""
LOW_M = 0.02
"""Range of height, above NEAR_M, over which horizontal motion fades out."""
HELD_M = 0.054
"""Largest opening of the gripper that holds A."""


class StackSupervisor(ScriptedSupervisor):
    """A supervisor of one of `STYLES`."""

    def __init__(self, request: SupervisorRequest) -> None:
        self._offset = STYLES[request.style]

    @override
    def act(self, state_S: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the action (A,) of the present phase."""
        from scipy.spatial.transform import Rotation

        cube, a_3, a_to_b_3 = Rotation.from_quat(state_S[:4]), state_S[4:7], state_S[7:10]
        hand_3, hand, opening = state_S[10:13], Rotation.from_quat(state_S[13:17]), state_S[17:].sum()
        to_a_3 = a_3 - hand_3
        to_goal_3 = a_to_b_3 + np.array([0.0, 0.0, (CUBE_A_M + CUBE_B_M) / 2])
        placed = _flat(to_goal_3) < OVER_B_M and abs(to_goal_3[2]) < NEAR_M
        around = np.linalg.norm(to_a_3) < 2 * NEAR_M
        if placed:
            # The hand stays until it has released A, and then moves up.
            releases = around and opening < CUBE_A_M + NEAR_M
            up_3 = np.array([0.0, 0.0, 0.0 if releases else ABOVE_M])
            return _action(up_3, hand, _yaw(hand), opens=True)
        if around and opening < HELD_M:
            return _action(_down_to(to_goal_3, 0.0, CLEAR_M), hand, _yaw(hand), opens=False)
        yaw = np.mod(_yaw(cube), np.pi / 2) + self._offset
        turn = abs(_between(yaw, _yaw(hand)))
        closes = np.linalg.norm(to_a_3) < NEAR_M and turn < TURNED_RAD
        return _action(to_a_3 if closes else _down_to(to_a_3, turn, ABOVE_M), hand, yaw, opens=not closes)


def _down_to(offset_3: NDArray[np.float64], turn: float, above_m: float) -> NDArray[np.float64]:
    """Return the motion to a goal from above, through a funnel: the smaller the errors, the lower the hand."""
    beside = STEEP * (_flat(offset_3) - FREE_M) + STEEP_M_PER_RAD * max(turn - FREE_RAD, 0.0)
    height = float(np.clip(beside, 0.0, above_m))
    up = offset_3[2] + height
    aside = np.clip(1 - (up - NEAR_M) / LOW_M, 0.0, 1.0)
    return np.array([aside * offset_3[0], aside * offset_3[1], up])


def _action(along_3: NDArray[np.float64], hand: Rotation, yaw: float, *, opens: bool) -> NDArray[np.float64]:
    """Return the action towards an offset `along_3` from the hand, pointing down at a yaw."""
    from scipy.spatial.transform import Rotation

    pointing_down = Rotation.from_euler("z", yaw) * Rotation.from_euler("x", np.pi)
    about_3 = (pointing_down * hand.inv()).as_rotvec()
    moves_6 = np.concatenate([along_3 / FULL_M, about_3 / FULL_RAD])
    return np.append(np.clip(moves_6, -1, 1), 1.0 if opens else -1.0)


def _yaw(of: Rotation) -> float:
    """Return the yaw of the x axis, radians."""
    x, y, _ = of.apply((1.0, 0.0, 0.0))
    return float(np.arctan2(y, x))


def _between(one: float, other: float) -> float:
    """Return the rotation from one yaw to another, radians."""
    return float(np.remainder(one - other + np.pi, 2 * np.pi) - np.pi)


def _flat(along_3: NDArray[np.float64]) -> float:
    return float(np.hypot(along_3[0], along_3[1]))
