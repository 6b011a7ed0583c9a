"""Paths of an arm in joint space, planned before it moves.

7 axes in the order of the controller's data, 1 to 6 and then 7; K points along a path.
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
"""Distance of the points of a straight motion at which joint angles are computed; between them they are interpolated."""
EASES_DEG = (0.75, 0.25, 0.0)
"""Steps, in order of preference, by which the elbow returns towards its middle from one point to the next, degrees."""
PEAK = 1.875
"""Peak speed of a minimum-jerk motion, in units of its mean speed."""
AXIS_SHARE = 0.5
"""Share of every axis's maximum speed that paths use."""


class OutOfReach(Exception):
    """The arm cannot follow a path; the message states where it is out of reach."""


@dataclass(frozen=True)
class Leg:
    """A straight motion of the tool."""

    to: Pose
    speed_m_s: float
    turn_rad_s: float


@dataclass(frozen=True)
class PathSegment:
    """A minimum-jerk motion in joint space, from rest to rest."""

    joints_deg_K7: NDArray[np.float64]
    duration_s: float

    def at(self, time_s: float) -> NDArray[np.float64]:
        """Return the joint angles (7,) at a time from the segment's beginning, degrees."""
        share = min(max(time_s / self.duration_s, 0.0), 1.0)
        along = share**3 * (10 - 15 * share + 6 * share**2) * (len(self.joints_deg_K7) - 1)
        index = min(int(along), len(self.joints_deg_K7) - 2)
        first_7, second_7 = self.joints_deg_K7[index : index + 2]
        return np.asarray(first_7 + (along - index) * (second_7 - first_7))


class JointPath:
    """Segments one after the other."""

    def __init__(self, segments: Sequence[PathSegment]) -> None:
        self._segments = segments
        self.duration_s = sum(segment.duration_s for segment in segments)

    def at(self, time_s: float) -> NDArray[np.float64]:
        """Return the joint angles (7,) at a time from the path's beginning, degrees; after its end, the last ones."""
        for segment in self._segments[:-1]:
            if time_s < segment.duration_s:
                return segment.at(time_s)
            time_s -= segment.duration_s
        return self._segments[-1].at(time_s)


def plan(kinematics: Kinematics, start_deg_7: NDArray[np.float64], legs: Sequence[Leg]) -> JointPath:
    """Plan a path along the legs.

    Raises:
        OutOfReach: the arm cannot follow them.
    """
    segments = []
    for leg in legs:
        segment = _straight(kinematics, start_deg_7, leg)
        if segment is not None:
            segments.append(segment)
            start_deg_7 = segment.joints_deg_K7[-1]
    return JointPath(segments or [PathSegment(np.stack([start_deg_7, start_deg_7]), 1e-3)])


def _straight(kinematics: Kinematics, start_deg_7: NDArray[np.float64], leg: Leg) -> PathSegment | None:
    """Return the segment of one leg; None if the arm is there already."""
    start = kinematics.tip(start_deg_7)
    path_mm, turn_deg = start.distance_mm(leg.to), start.angle_deg(leg.to)
    steps = int(np.ceil(max(path_mm / STEP_MM, turn_deg / STEP_DEG)))
    if path_mm < 0.05 and turn_deg < 0.05:
        return None
    points = [start_deg_7]
    for step in range(1, steps + 1):
        joints_deg_7 = _joints_at(kinematics, start.interpolate(leg.to, step / steps), points[-1])
        if joints_deg_7 is None:
            x, y, z = leg.to.position_mm_3
            raise OutOfReach(f"the path to ({x:.0f}, {y:.0f}, {z:.0f}) mm is out of reach")
        points.append(joints_deg_7)
    joints_deg_K7 = np.stack(points)
    axes_s = np.abs(np.diff(joints_deg_K7, axis=0)).max(axis=0) * steps / (AXIS_SHARE * FASTEST_DEG_S_7)
    slowest_s = max(path_mm / 1000 / leg.speed_m_s, np.radians(turn_deg) / leg.turn_rad_s, float(axes_s.max()))
    return PathSegment(joints_deg_K7, PEAK * slowest_s)


def _joints_at(kinematics: Kinematics, target: Pose, start_deg_7: NDArray[np.float64]) -> NDArray[np.float64] | None:
    for ease_deg in EASES_DEG:
        joints_deg_7 = kinematics.joints_at(target, start_deg_7, ease_deg)
        if joints_deg_7 is not None and ((joints_deg_7 >= LOWEST_DEG_7) & (joints_deg_7 <= HIGHEST_DEG_7)).all():
            return joints_deg_7
    return None
