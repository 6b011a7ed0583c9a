"""What an arm is told, as ways of its tool: the pushing primitive, and the way back to the parked posture.

7 axes in the order of the controller's data, 1 to 6 and then 7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim_bridge.push.plan import RETREAT_M
from yumi_driver.agent.way import JointPath, Leg, OutOfReach, plan
from yumi_driver.kinematics import ARM_KINEMATICS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from yumi_driver.cell import ArmConfig
    from yumi_driver.limits import Limits
    from yumi_driver.messages import Push

LIFT_M = 0.04
"""Of the pusher on its way: above the cube."""
NEAR_MM = 10.0
"""An arm whose tool is so near to where it parks is parked."""
NEAR_DEG = 10.0
"""An arm whose axes are all so near to its parked posture goes there straight."""


class Orders:
    """Plans the ways of one arm, within the limits."""

    def __init__(self, config: ArmConfig, limits: Limits) -> None:
        self._config = config
        self._limits = limits
        self._kinematics = ARM_KINEMATICS[config.unit]
        self._parked_deg_7 = np.array(config.parked_deg)
        parked_3, self._parked_yaw = config.workspace.foot(self._kinematics.tip(self._parked_deg_7))
        self._parked_2, self._parked_lift = parked_3[:2], float(parked_3[2])

    def push(self, order: Push, joints_deg_7: NDArray[np.float64]) -> JointPath:
        """Go above the place, down, along, a little back, up, and home.

        Raises:
            OutOfReach: the arm is not parked, an end of the push is outside the workspace, or the arm cannot go there.
        """
        if self._kinematics.tip(joints_deg_7).distance_mm(self._home().to) > NEAR_MM:
            raise OutOfReach("the arm is not parked")
        start_2 = np.array(order.start)
        along_2 = np.array([np.cos(order.yaw), np.sin(order.yaw)])
        end_2 = start_2 + order.travel * along_2
        self._require_inside(start_2)
        self._require_inside(end_2)
        back_2 = end_2 - RETREAT_M * along_2
        nearest = _nearest(order.yaw, self._parked_yaw)
        other = nearest - np.copysign(np.pi, nearest - self._parked_yaw)
        try:
            return plan(self._kinematics, joints_deg_7, self._legs(start_2, end_2, back_2, nearest))
        except OutOfReach:
            return plan(self._kinematics, joints_deg_7, self._legs(start_2, end_2, back_2, float(other)))

    def _legs(
        self, start_2: NDArray[np.float64], end_2: NDArray[np.float64], back_2: NDArray[np.float64], yaw: float
    ) -> list[Leg]:
        """Of a push with the pusher turned like that."""
        push_m_s = self._limits.push_m_s.value
        return [
            self._leg(start_2, LIFT_M, yaw),
            self._leg(start_2, 0.0, yaw),
            self._leg(end_2, 0.0, yaw, push_m_s),
            self._leg(back_2, 0.0, yaw, push_m_s),
            self._leg(back_2, LIFT_M, yaw),
            self._home(),
        ]

    def park(self, joints_deg_7: NDArray[np.float64]) -> JointPath:
        """Up from wherever over the workspace the arm is, and home.

        Raises:
            OutOfReach: it is somewhere else, from where only a person knows the way.
        """
        if np.abs(joints_deg_7 - self._parked_deg_7).max() <= NEAR_DEG:
            return plan(self._kinematics, joints_deg_7, [self._home()])
        flange = self._kinematics.tip(joints_deg_7)
        place_3, yaw = self._config.workspace.foot(flange)
        looks_down = flange.rotation_33[2, 2] < -0.99
        beside = (
            not looks_down or not self._inside(place_3[:2]) or not -LIFT_M < place_3[2] <= self._parked_lift + LIFT_M
        )
        if beside:
            raise OutOfReach("the arm is not over its workspace: jog it to its parked posture")
        return plan(
            self._kinematics, joints_deg_7, [self._leg(place_3[:2], max(LIFT_M, float(place_3[2])), yaw), self._home()]
        )

    def _leg(self, place_2: NDArray[np.float64], lift_m: float, yaw: float, speed_m_s: float | None = None) -> Leg:
        flange = self._config.workspace.flange(float(place_2[0]), float(place_2[1]), lift_m, yaw)
        return Leg(flange, speed_m_s or self._limits.travel_m_s.value, self._limits.turn_rad_s.value)

    def _home(self) -> Leg:
        return self._leg(self._parked_2, self._parked_lift, self._parked_yaw)

    def _inside(self, place_2: NDArray[np.float64]) -> bool:
        """Over the workspace, or on the straight way from there to the parked posture."""
        half_m = self._config.workspace.half_m + self._limits.margin_m.value
        return bool((np.abs(place_2) <= np.maximum(half_m, np.abs(self._parked_2) + 1e-3)).all())

    def _require_inside(self, place_2: NDArray[np.float64]) -> None:
        half_m = self._config.workspace.half_m + self._limits.margin_m.value
        if not (np.abs(place_2) <= half_m).all():
            x_m, y_m = place_2
            raise OutOfReach(f"the pusher at ({x_m:.3f}, {y_m:.3f}) m is outside the workspace of +-{half_m:.3f} m")


def _nearest(yaw: float, to: float) -> float:
    """The same pusher's yaw, which is the same after half a turn, nearest to another."""
    return to + (yaw - to + np.pi / 2) % np.pi - np.pi / 2
