"""Plans an arm's commands as paths: the push primitive, and the return to the parked posture.

7 axes in the order of the controller's data, 1 to 6 and then 7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim_bridge.push.plan import RETREAT_M
from yumi_driver.agent.joint_path import JointPath, Leg, OutOfReach, plan
from yumi_driver.kinematics import ARM_KINEMATICS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from yumi_driver.cell import ArmConfig
    from yumi_driver.limits import Limits
    from yumi_driver.messages import Push

LIFT_M = 0.04
"""Height at which the pusher travels, above the cube, m."""
PARKED_MM = 10.0
"""Distance of the tool from its parked position up to which the arm counts as parked."""
DIRECT_DEG = 10.0
"""Angle of every axis from the parked posture up to which the arm returns there directly."""


class PathPlanner:
    """Plans the paths of one arm within the limits."""

    def __init__(self, config: ArmConfig, limits: Limits) -> None:
        self._config = config
        self._limits = limits
        self._kinematics = ARM_KINEMATICS[config.unit]
        self._parked_deg_7 = np.array(config.parked_deg)
        parked_3, self._parked_yaw = config.workspace.foot(self._kinematics.tip(self._parked_deg_7))
        self._parked_2, self._parked_lift = parked_3[:2], float(parked_3[2])

    def push(self, command: Push, joints_deg_7: NDArray[np.float64]) -> JointPath:
        """Return the path of a push: above its start, down, along, slightly back, up, and to the parked posture.

        Raises:
            OutOfReach: the arm is not parked, an end of the push is outside the workspace, or the arm cannot reach it.
        """
        if self._kinematics.tip(joints_deg_7).distance_mm(self._parked_leg().to) > PARKED_MM:
            raise OutOfReach("the arm is not parked")
        start_2 = np.array(command.start)
        along_2 = np.array([np.cos(command.yaw), np.sin(command.yaw)])
        end_2 = start_2 + command.travel * along_2
        self._require_inside(start_2)
        self._require_inside(end_2)
        back_2 = end_2 - RETREAT_M * along_2
        nearest = _nearest(command.yaw, self._parked_yaw)
        other = nearest - np.copysign(np.pi, nearest - self._parked_yaw)
        try:
            return plan(self._kinematics, joints_deg_7, self._legs(start_2, end_2, back_2, nearest))
        except OutOfReach:
            return plan(self._kinematics, joints_deg_7, self._legs(start_2, end_2, back_2, float(other)))

    def _legs(
        self, start_2: NDArray[np.float64], end_2: NDArray[np.float64], back_2: NDArray[np.float64], yaw: float
    ) -> list[Leg]:
        """Return the legs of a push with the pusher at this yaw."""
        push_m_s = self._limits.push_m_s.value
        return [
            self._leg(start_2, LIFT_M, yaw),
            self._leg(start_2, 0.0, yaw),
            self._leg(end_2, 0.0, yaw, push_m_s),
            self._leg(back_2, 0.0, yaw, push_m_s),
            self._leg(back_2, LIFT_M, yaw),
            self._parked_leg(),
        ]

    def park(self, joints_deg_7: NDArray[np.float64]) -> JointPath:
        """Return the path up from a position over the workspace, and to the parked posture.

        Raises:
            OutOfReach: the arm is elsewhere, from where a person must jog it.
        """
        if np.abs(joints_deg_7 - self._parked_deg_7).max() <= DIRECT_DEG:
            return plan(self._kinematics, joints_deg_7, [self._parked_leg()])
        flange = self._kinematics.tip(joints_deg_7)
        position_3, yaw = self._config.workspace.foot(flange)
        looks_down = flange.rotation_33[2, 2] < -0.99
        beside = (
            not looks_down
            or not self._inside(position_3[:2])
            or not -LIFT_M < position_3[2] <= self._parked_lift + LIFT_M
        )
        if beside:
            raise OutOfReach("the arm is not over its workspace: jog it to its parked posture")
        return plan(
            self._kinematics,
            joints_deg_7,
            [self._leg(position_3[:2], max(LIFT_M, float(position_3[2])), yaw), self._parked_leg()],
        )

    def _leg(self, position_2: NDArray[np.float64], lift_m: float, yaw: float, speed_m_s: float | None = None) -> Leg:
        flange = self._config.workspace.flange(float(position_2[0]), float(position_2[1]), lift_m, yaw)
        return Leg(flange, speed_m_s or self._limits.travel_m_s.value, self._limits.turn_rad_s.value)

    def _parked_leg(self) -> Leg:
        return self._leg(self._parked_2, self._parked_lift, self._parked_yaw)

    def _inside(self, position_2: NDArray[np.float64]) -> bool:
        """Return whether a position is over the workspace, or between it and the parked posture."""
        half_m = self._config.workspace.half_m + self._limits.margin_m.value
        return bool((np.abs(position_2) <= np.maximum(half_m, np.abs(self._parked_2) + 1e-3)).all())

    def _require_inside(self, position_2: NDArray[np.float64]) -> None:
        half_m = self._config.workspace.half_m + self._limits.margin_m.value
        if not (np.abs(position_2) <= half_m).all():
            x_m, y_m = position_2
            raise OutOfReach(f"the pusher at ({x_m:.3f}, {y_m:.3f}) m is outside the workspace of +-{half_m:.3f} m")


def _nearest(yaw: float, to: float) -> float:
    """Return the equivalent yaw nearest to `to`; the pusher is symmetric under half a turn."""
    return to + (yaw - to + np.pi / 2) % np.pi - np.pi / 2
