"""Forward and inverse kinematics of the two arms of an IRB 14000, from the published dimensions.

7 axes in the order of the controller's data, 1 to 6 and then 7; 6 a twist; 44 a homogeneous matrix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from yumi_driver.pose import Pose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

# Denavit-Hartenberg parameters from base to flange: axis, twist in degrees and length in millimetres from the previous axis,
# offset in millimetres along the axis, angle in degrees at zero. Axis 7 is the third of the chain.
_CHAIN = (
    (1, 0.0, 0.0, 166.0, 0.0),
    (2, -90.0, -30.0, 0.0, 0.0),
    (7, 90.0, 30.0, 251.5, 0.0),
    (3, -90.0, 40.5, 0.0, 90.0),
    (4, 90.0, -40.5, 265.0, 0.0),
    (5, -90.0, 27.0, 0.0, 0.0),
    (6, 90.0, -27.0, 36.0, 0.0),
)
_ORDER = np.array([axis - 1 for axis, *_ in _CHAIN])

LOWEST_DEG_7 = np.array([-168.5, -143.5, -123.5, -290.0, -88.0, -229.0, -168.5])
"""Lower limits of the axes, degrees."""
HIGHEST_DEG_7 = np.array([168.5, 43.5, 80.0, 290.0, 138.0, 229.0, 168.5])
"""Upper limits of the axes, degrees."""
FASTEST_DEG_S_7 = np.array([180.0, 180.0, 180.0, 400.0, 400.0, 400.0, 180.0])
"""Maximum speeds of the axes, degrees per second."""

_LENGTH_MM = 200.0  # scales lengths against angles: this length counts as much as one radian
_DAMPING = 1e-4  # keeps steps finite where the arm is stretched
_PRECISION = 1e-8  # of the remaining twist
_ITERATIONS = 8
EASE_DEG = 0.1
"""Largest step of the elbow towards its middle per control step, degrees of an axis."""


class Kinematics:
    """One arm's kinematics: `base` is its base frame in the world, which is the robot's body."""

    def __init__(self, base: Pose) -> None:
        self.base = base
        self._base_44 = np.eye(4)
        self._base_44[:3, :3], self._base_44[:3, 3] = base.rotation_33, base.position_mm_3
        self._links = [_link_44(np.radians(twist_deg), length_mm) for _, twist_deg, length_mm, _, _ in _CHAIN]

    def tip(self, joints_deg_7: NDArray[np.float64]) -> Pose:
        """Return the pose of tool0, the flange, in the world."""
        return _pose(self._frames(joints_deg_7)[-1])

    def joints_at(
        self, target: Pose, start_deg_7: NDArray[np.float64], ease_deg: float = EASE_DEG
    ) -> NDArray[np.float64] | None:
        """Return joint angles (7,) near the start that bring the tip to the target, degrees.

        The elbow moves towards the middles of the axes' ranges by at most `ease_deg` of an axis; without that it would
        drift, because seven axes leave it free. Angles may exceed the limits of the axes. None if no angles are found,
        because the target is too far from the start or out of reach.
        """
        joints_deg_7 = start_deg_7
        ease_rad_7 = np.radians(_ease(start_deg_7, ease_deg))[_ORDER]
        for _ in range(_ITERATIONS):
            frames = self._frames(joints_deg_7)
            tip = _pose(frames[-1])
            twist_6 = np.concatenate([(target.position_mm_3 - tip.position_mm_3) / _LENGTH_MM, tip.turn_rad_3(target)])
            if np.linalg.norm(twist_6) < _PRECISION:
                return joints_deg_7
            jacobian_67 = _jacobian_67(frames)
            damped_66 = jacobian_67 @ jacobian_67.T + _DAMPING**2 * np.eye(6)
            step_rad_7 = ease_rad_7 + jacobian_67.T @ np.linalg.solve(damped_66, twist_6 - jacobian_67 @ ease_rad_7)
            ease_rad_7 = np.zeros(7)
            joints_deg_7 = joints_deg_7.copy()
            joints_deg_7[_ORDER] += np.degrees(step_rad_7)
        return None

    def _frames(self, joints_deg_7: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        frame_44, frames = self._base_44, []
        for link_44, (axis, _, _, offset_mm, zero_deg) in zip(self._links, _CHAIN, strict=True):
            angle = np.radians(joints_deg_7[axis - 1] + zero_deg)
            cosine, sine = np.cos(angle), np.sin(angle)
            joint_44 = np.array(
                [[cosine, -sine, 0.0, 0.0], [sine, cosine, 0.0, 0.0], [0.0, 0.0, 1.0, offset_mm], [0.0, 0.0, 0.0, 1.0]]
            )
            frame_44 = frame_44 @ link_44 @ joint_44
            frames.append(frame_44)
        return frames


def _ease(joints_deg_7: NDArray[np.float64], most_deg: float) -> NDArray[np.float64]:
    half_deg_7 = (HIGHEST_DEG_7 - LOWEST_DEG_7) / 2.0
    slope_7 = ((HIGHEST_DEG_7 + LOWEST_DEG_7) / 2.0 - joints_deg_7) / half_deg_7**2
    # At most `most_deg`, and less where all axes are near their middles.
    ease_deg_7: NDArray[np.float64] = most_deg * slope_7 / max(np.max(np.abs(slope_7)), 1.0 / half_deg_7.max())
    return ease_deg_7


def _link_44(twist_rad: float, length_mm: float) -> NDArray[np.float64]:
    cosine, sine = np.cos(twist_rad), np.sin(twist_rad)
    return np.array(
        [[1.0, 0.0, 0.0, length_mm], [0.0, cosine, -sine, 0.0], [0.0, sine, cosine, 0.0], [0.0, 0.0, 0.0, 1.0]]
    )


def _pose(frame_44: NDArray[np.float64]) -> Pose:
    return Pose(frame_44[:3, 3], frame_44[:3, :3])


def _jacobian_67(frames: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    chain_744 = np.array(frames)
    directions_73, origins_73 = chain_744[:, :3, 2], chain_744[:, :3, 3]
    return np.vstack([np.cross(directions_73, origins_73[-1] - origins_73).T / _LENGTH_MM, directions_73.T])


def _base(side: float) -> Pose:
    """Return the base frame of the left arm for side 1, and its mirror image for -1."""
    return Pose.of_quaternion(
        np.array([0.0, side * 50.0, 384.0]),
        np.array([0.828884052, side * -0.314016319, 0.408008084, side * -0.218802154]),
    )


ARM_KINEMATICS: Mapping[str, Kinematics] = {"ROB_L": Kinematics(_base(1.0)), "ROB_R": Kinematics(_base(-1.0))}
"""Kinematics by mechanical unit."""
HOME_DEG_7: Mapping[str, NDArray[np.float64]] = {
    "ROB_L": np.array([0.0, -130.0, 30.0, 0.0, 40.0, 0.0, 135.0]),
    "ROB_R": np.array([0.0, -130.0, 30.0, 0.0, 40.0, 0.0, -135.0]),
}
"""Calibration position of every arm by mechanical unit, degrees."""
