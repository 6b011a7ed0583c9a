"""An arm: its position, and its motion to targets within its speed limits.

7 axes in the order of the controller's data, 1 to 6 and then 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from yumi_driver.kinematics import FASTEST_DEG_S_7, HIGHEST_DEG_7, LOWEST_DEG_7
from yumi_driver.pose import Pose
from yumi_driver.sim_controller.event_log import EventKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from yumi_driver.kinematics import Kinematics
    from yumi_driver.sim_controller.tool import Tool

_ATTEMPTS = 8
_ROUNDING = 1e-6


class MotionError(Exception):
    """The arm cannot follow its target, and stops."""

    def __init__(self, kind: EventKind) -> None:
        super().__init__(kind.title)
        self.kind = kind


@dataclass(frozen=True)
class SpeedLimits:
    """Maximum speeds of a tool tip; the axes have their own limits."""

    tip_mm_s: float = 1500.0
    tip_deg_s: float = 500.0


YUMI_LIMITS = SpeedLimits()
"""Speed limits of an IRB 14000."""


class Arm:
    """One mechanical unit with seven axes, initially at rest at `joints_deg_7`."""

    def __init__(
        self, name: str, kinematics: Kinematics, tool: Tool, limits: SpeedLimits, joints_deg_7: NDArray[np.float64]
    ) -> None:
        self.name = name
        self.base = kinematics.base
        self._kinematics = kinematics
        self._tool = tool
        self._limits = limits
        self._joints_deg_7 = joints_deg_7
        self._tip = kinematics.tip(joints_deg_7)

    @property
    def joints_deg_7(self) -> NDArray[np.float64]:
        """Angles of axes 1 to 7, degrees."""
        return self._joints_deg_7

    @property
    def tip(self) -> Pose:
        """The pose of tool0 in the frame of the robot's body."""
        return self._tip

    def hold(self) -> None:
        """Hold the position for one control step."""
        self._tool.moved(self._tip, self._tip)

    def follow_joints(self, target_deg_7: NDArray[np.float64], period_s: float) -> None:
        """Move all axes towards the target for one control step of `period_s` seconds.

        Raises:
            MotionError: an axis would exceed its limits.
        """
        offset_deg_7 = target_deg_7 - self._joints_deg_7
        longest = float(np.max(np.abs(offset_deg_7) / (FASTEST_DEG_S_7 * period_s)))
        step_deg_7 = offset_deg_7 / max(1.0, longest)
        self._advance(lambda share: self._joints_deg_7 + share * step_deg_7, period_s)

    def follow_pose(self, target: Pose, period_s: float) -> None:
        """Move the tip straight towards the target for one control step of `period_s` seconds.

        Raises:
            MotionError: the motion leads out of reach, through a singularity or beyond the limits of an axis.
        """
        within = self._tip.share_within(target, self._limits.tip_mm_s * period_s, self._limits.tip_deg_s * period_s)

        def candidate(share: float) -> NDArray[np.float64]:
            waypoint = self._tip.interpolate(target, share * within)
            joints_deg_7 = self._kinematics.joints_at(waypoint, self._joints_deg_7)
            if joints_deg_7 is None:
                raise MotionError(EventKind.OUTSIDE_REACH)
            return joints_deg_7

        self._advance(candidate, period_s)

    def _advance(self, candidate: Callable[[float], NDArray[np.float64]], period_s: float) -> None:
        """Take the candidate's step, or the share of it that respects all limits."""
        share = 1.0
        for _ in range(_ATTEMPTS):
            joints_deg_7 = candidate(share)
            if np.any(joints_deg_7 < LOWEST_DEG_7) or np.any(joints_deg_7 > HIGHEST_DEG_7):
                raise MotionError(EventKind.JOINT_OUT_OF_RANGE)
            tip = self._kinematics.tip(joints_deg_7)
            excess = self._share_of_limits(joints_deg_7, tip, period_s)
            if excess <= 1.0 + _ROUNDING:
                previous, self._joints_deg_7, self._tip = self._tip, joints_deg_7, tip
                self._tool.moved(tip, previous)
                return
            share *= 0.99 / excess
        raise MotionError(EventKind.OUTSIDE_REACH)

    def _share_of_limits(self, joints_deg_7: NDArray[np.float64], tip: Pose, period_s: float) -> float:
        """Return the highest speed of the step as a share of its limit."""
        return max(
            self._tip.distance_mm(tip) / (self._limits.tip_mm_s * period_s),
            self._tip.angle_deg(tip) / (self._limits.tip_deg_s * period_s),
            float(np.max(np.abs(joints_deg_7 - self._joints_deg_7) / (FASTEST_DEG_S_7 * period_s))),
        )
