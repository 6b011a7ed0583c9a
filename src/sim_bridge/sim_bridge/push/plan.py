"""Plans the pusher's motion for push vectors: where it is set down, how far it moves, and its path over time.

I robots that push, T samples of time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim_bridge.push.geometry import PUSH_GEOMETRY, PushGeometry

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHORTEST_PUSH_M = 1e-3
"""Shortest vector that is a push: an arm does not position its pusher more accurately."""
CLEARANCE_M = 0.002
"""Gap between pusher and cube when the pusher is set down."""
RETREAT_M = 0.004
"""Distance by which the pusher retreats from the cube before it is lifted, so that it does not drag the cube."""
LIFT_M = 0.06
PUSH_S, HOLD_S, RETREAT_S, LIFT_S = 0.36, 0.08, 0.04, 0.04
"""The push is slow enough for friction to keep the cube at the pusher while both slow down; the hold lets the servo's
lag decay. Without them pushes end several millimetres too far or too short."""


@dataclass(frozen=True)
class PushPlan:
    """One push for each of I robots."""

    starts_I2: NDArray[np.float64]
    """Centre of the pusher's foot when it is set down, m."""
    directions_I2: NDArray[np.float64]
    """Unit vectors along which it moves."""
    travels_I: NDArray[np.float64]
    """Distance that it moves along them, m."""

    @property
    def yaws_I(self) -> NDArray[np.float64]:  # noqa: N802 - shape suffix
        """Yaw of the pusher, whose face is perpendicular to its path, radians."""
        return np.arctan2(self.directions_I2[:, 1], self.directions_I2[:, 0])

    def path(self, timestep_s: float) -> NDArray[np.float64]:
        """Return targets of the pusher's joints (x, y, lift, yaw), (I, T, 4), m and radians, one per `timestep_s`."""
        push, hold, retreat, lift = (round(part / timestep_s) for part in (PUSH_S, HOLD_S, RETREAT_S, LIFT_S))
        along_IT = np.hstack(
            [
                self.travels_I[:, None] * _smooth(push),
                np.repeat(self.travels_I[:, None], hold, axis=1),
                self.travels_I[:, None] - RETREAT_M * _smooth(retreat),
                np.repeat(self.travels_I[:, None] - RETREAT_M, lift, axis=1),
            ],
        )
        lift_T = np.concatenate([np.zeros(push + hold + retreat), LIFT_M * _smooth(lift)])
        path_IT4 = np.empty((*along_IT.shape, 4))
        path_IT4[:, :, :2] = self.starts_I2[:, None] + along_IT[:, :, None] * self.directions_I2[:, None]
        path_IT4[:, :, 2] = lift_T
        path_IT4[:, :, 3] = self.yaws_I[:, None]
        return path_IT4


def plan_pushes(
    poses_I3: NDArray[np.float64],
    actions_I2: NDArray[np.float64],
    geometry: PushGeometry = PUSH_GEOMETRY,
) -> PushPlan:
    """Plan pushes that set the pusher down behind the cube and move the cube's centre by the action.

    The pusher works above the rim of walls and obstacle, so it can be set down behind the cube wherever the cube is.

    Args:
        poses_I3: x, y and yaw of the cubes, m and radians.
        actions_I2: push vectors, m, none shorter than `SHORTEST_PUSH_M`.
        geometry: sizes of cube and pusher.
    """
    lengths_I = np.hypot(actions_I2[:, 0], actions_I2[:, 1])
    directions_I2 = actions_I2 / lengths_I[:, None]
    half = geometry.cube_side_m / 2
    # A cube looks the same after a quarter turn: askew is between the pusher's face and the cube's nearest one.
    turn_I = np.arctan2(directions_I2[:, 1], directions_I2[:, 0]) - poses_I3[:, 2]
    askew_I = np.abs((turn_I + np.pi / 4) % (np.pi / 2) - np.pi / 4)
    behind_I = _support(askew_I, half)
    # A flat pusher turns the cube's face towards its own. The centre comes nearer to the pusher as it does, and the
    # pusher must go that much farther.
    nearer_I = behind_I - _support(askew_after(askew_I, lengths_I, geometry.cube_half_diagonal_m), half)
    set_down_I = behind_I + geometry.pusher_half_thickness_m + CLEARANCE_M
    return PushPlan(
        starts_I2=poses_I3[:, :2] - set_down_I[:, None] * directions_I2,
        directions_I2=directions_I2,
        travels_I=CLEARANCE_M + lengths_I + nearer_I,
    )


def askew_after(
    askew_I: NDArray[np.float64],
    pushed_I: NDArray[np.float64],
    half_diagonal_m: float,
) -> NDArray[np.float64]:
    """Return the angle between the faces of pusher and cube, (I,) radians, after the cube's centre has moved `pushed_I` metres.

    Quasi-static pushing with an ellipsoidal limit surface (Lynch and Mason, Stable Pushing, 1996): a cube that is
    pushed at a corner which is b beside its centre turns by b / c**2 per metre, with c the ratio of the greatest
    friction torque to the greatest friction force under it. A rigid cube rests on its four corners, so c is half the
    diagonal. With b = half_diagonal * sin(pi/4 - askew) this integrates to the form below.
    """
    grown_I = np.tan((np.pi / 4 - askew_I) / 2) * np.exp(pushed_I / half_diagonal_m)
    return np.asarray(np.pi / 4 - np.minimum(2 * np.arctan(grown_I), np.pi / 4))


def _support(askew_I: NDArray[np.float64], half_m: float) -> NDArray[np.float64]:
    """Return the distance from the cube's centre to its rearmost point in the direction of the push, (I,), m."""
    return np.asarray(half_m * (np.cos(askew_I) + np.sin(askew_I)))


def _smooth(count: int) -> NDArray[np.float64]:
    """Return a minimum-jerk profile of `count` samples, (T,), from just above 0 to 1."""
    time_T = np.arange(1, count + 1) / count
    return np.asarray(time_T**3 * (10 - 15 * time_T + 6 * time_T**2))
