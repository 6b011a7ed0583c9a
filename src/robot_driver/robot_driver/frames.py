"""Places the robots' frames beside each other, for views of the whole fleet.

N robots. Positions in m; quaternions are x, y, z, w.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fleet_contract.robot import RobotContract

FLEET = "fleet"
"""Frame in which the robots are arranged in a grid; it does not tell where they are in the building."""
SPACING = 2.0
"""Distance between robots, in units of their extent: it leaves room for the labels."""
IDENTITY = (0.0, 0.0, 0.0, 1.0)
"""Quaternion of a frame that is not rotated against its parent."""


@dataclass(frozen=True)
class StaticTransform:
    """The pose of a frame in its parent frame."""

    name: str
    parent: str
    position: tuple[float, float, float]
    quaternion: tuple[float, float, float, float]


def frames(
    robots: Sequence[str], fleet: Sequence[str], contract: RobotContract, camera_33: NDArray[np.float64] | None
) -> list[StaticTransform]:
    """Return the frames of some robots of a fleet: base_link and, if the pose of the camera is known, camera_optical_frame.

    Args:
        robots: names of the robots whose frames are returned.
        fleet: names of all robots, which are arranged row by row, starting at the far left.
        contract: the robots' contract.
        camera_33: intrinsics of their cameras, (3, 3), pixels; None without a camera, zeros if the cameras are not calibrated.
    """
    columns, spacing_m = ceil(sqrt(len(fleet))), SPACING * contract.extent_m
    rows = ceil(len(fleet) / columns)
    camera = _camera(contract, camera_33)
    transforms = []
    for name in robots:
        row, column = divmod(fleet.index(name), columns)
        position = (spacing_m * (column - (columns - 1) / 2), spacing_m * ((rows - 1) / 2 - row), 0.0)
        transforms.append(StaticTransform(f"{name}/base_link", FLEET, position, IDENTITY))
        if camera is not None:
            transforms.append(StaticTransform(f"{name}/camera_optical_frame", f"{name}/base_link", *camera))
    return transforms


Pose = tuple[tuple[float, float, float], tuple[float, float, float, float]]


def _camera(contract: RobotContract, camera_33: NDArray[np.float64] | None) -> Pose | None:
    """Return the pose of the optical frame in base_link.

    The contract states it, or it follows from where the corners of the contract's plane are in the image.
    """
    stream, plane = contract.observation.camera, contract.operation and contract.operation.plane
    if stream and stream.place:
        return _pose(np.array(stream.place.position), Rotation.from_euler("xyz", stream.place.roll_pitch_yaw))
    if not stream or not plane or camera_33 is None or not camera_33.any():
        return None
    (left, near), (right, far) = plane.workspace.low, plane.workspace.high
    corners_43 = np.array([(left, near, 0.0), (right, near, 0.0), (right, far, 0.0), (left, far, 0.0)])
    # Integer coordinates are the centres of pixels.
    corners_px_42 = np.array(plane.corners) * [stream.width, stream.height] - 0.5
    solved, rotation_3, translation_3 = cv2.solvePnP(corners_43, corners_px_42, camera_33, None)
    if not solved:
        return None
    base_in_camera = Rotation.from_rotvec(rotation_3.ravel())
    return _pose(-base_in_camera.inv().apply(translation_3.ravel()), base_in_camera.inv())


def _pose(position_3: NDArray[np.float64], rotation: Rotation) -> Pose:
    x, y, z = map(float, position_3)
    qx, qy, qz, qw = map(float, rotation.as_quat())
    return (x, y, z), (qx, qy, qz, qw)
