"""Ways of an arm through its axes' angles, planned before it moves.

7 axes in the order of the controller's data, 1 to 6 and then 7; K angles along a way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from yumi_driver.kinematics import FASTEST_DEG_S_7, HIGHEST_DEG_7, LOWEST_DEG_7

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from yumi_driver.kinematics import Kinematics
    from yumi_driver.pose import Pose

STEP_MM, STEP_DEG = 3.0, 1.5
"""Between two points of a straight way for which the axes' angles are computed; between them the angles go evenly."""
EASES_DEG = (0.75, 0.25, 0.0)
"""By which the elbow goes back towards the middle from one point to the next, as far as it can."""
PEAK = 1.875
"""Highest speed of a motion with the least jerk, in units of its mean."""
AXIS_SHARE = 0.5
"""Of an axis's own highest speed."""


class OutOfReach(Exception):
    """The arm cannot go that way; the text says where not."""


@dataclass(frozen=True)
class Leg:
    """A straight way of the tool."""

    to: Pose
    speed_m_s: float
    turn_rad_s: float


@dataclass(frozen=True)
class PathSegment:
    """A way through the axes' angles, from rest to rest, with the least jerk."""

    joints_deg_K7: NDArray[np.float64]
    duration_s: float

    def at(self, time_s: float) -> NDArray[np.float64]:
        """Angles (7,) at a time from its beginning, degrees."""
        share = min(max(time_s / self.duration_s, 0.0), 1.0)
        along = share**3 * (10 - 15 * share + 6 * share**2) * (len(self.joints_deg_K7) - 1)
        index = min(int(along), len(self.joints_deg_K7) - 2)
        first_7, second_7 = self.joints_deg_K7[index : index + 2]
        return np.asarray(first_7 + (along - index) * (second_7 - first_7))


class JointPath:
    """Stretches one after the other."""

    def __init__(self, stretches: Sequence[PathSegment]) -> None:
        self._stretches = stretches
        self.duration_s = sum(stretch.duration_s for stretch in stretches)

    def at(self, time_s: float) -> NDArray[np.float64]:
        """Angles (7,) at a time from its beginning, degrees; after its end, those at its end."""
        for stretch in self._stretches[:-1]:
            if time_s < stretch.duration_s:
                return stretch.at(time_s)
            time_s -= stretch.duration_s
        return self._stretches[-1].at(time_s)


def plan(kinematics: Kinematics, start_deg_7: NDArray[np.float64], legs: Sequence[Leg]) -> JointPath:
    """A way along the legs.

    Raises:
        OutOfReach: the arm cannot follow them.
    """
    stretches = []
    for leg in legs:
        stretch = _straight(kinematics, start_deg_7, leg)
        if stretch is not None:
            stretches.append(stretch)
            start_deg_7 = stretch.joints_deg_K7[-1]
    return JointPath(stretches or [PathSegment(np.stack([start_deg_7, start_deg_7]), 1e-3)])


def _straight(kinematics: Kinematics, start_deg_7: NDArray[np.float64], leg: Leg) -> PathSegment | None:
    """None where the arm is there already."""
    start = kinematics.tip(start_deg_7)
    way_mm, turn_deg = start.distance_mm(leg.to), start.angle_deg(leg.to)
    steps = int(np.ceil(max(way_mm / STEP_MM, turn_deg / STEP_DEG)))
    if way_mm < 0.05 and turn_deg < 0.05:
        return None
    points = [start_deg_7]
    for step in range(1, steps + 1):
        joints_deg_7 = _joints_at(kinematics, start.part_way(leg.to, step / steps), points[-1])
        if joints_deg_7 is None:
            x, y, z = leg.to.position_mm_3
            raise OutOfReach(f"the way to ({x:.0f}, {y:.0f}, {z:.0f}) mm is out of reach")
        points.append(joints_deg_7)
    joints_deg_K7 = np.stack(points)
    axes_s = np.abs(np.diff(joints_deg_K7, axis=0)).max(axis=0) * steps / (AXIS_SHARE * FASTEST_DEG_S_7)
    slowest_s = max(way_mm / 1000 / leg.speed_m_s, np.radians(turn_deg) / leg.turn_rad_s, float(axes_s.max()))
    return PathSegment(joints_deg_K7, PEAK * slowest_s)


def _joints_at(kinematics: Kinematics, target: Pose, start_deg_7: NDArray[np.float64]) -> NDArray[np.float64] | None:
    for ease_deg in EASES_DEG:
        joints_deg_7 = kinematics.joints_at(target, start_deg_7, ease_deg)
        if joints_deg_7 is not None and ((joints_deg_7 >= LOWEST_DEG_7) & (joints_deg_7 <= HIGHEST_DEG_7)).all():
            return joints_deg_7
    return None
