"""Where the frames of the robots are, for those who look at the whole fleet.

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
"""The frame in which the robots stand in a grid. It says nothing about where they are in the building."""
SPACING = 2.0
"""From robot to robot, in units of their extent: room for what is written beside them."""
LEVEL = (0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class StaticTransform:
    """A frame in its parent."""

    name: str
    parent: str
    position: tuple[float, float, float]
    quaternion: tuple[float, float, float, float]


def frames(
    robots: Sequence[str], fleet: Sequence[str], contract: RobotContract, camera_33: NDArray[np.float64] | None
) -> list[StaticTransform]:
    """Frames of some robots of a fleet: base_link and, if it is known where it is, camera_optical_frame.

    Args:
        robots: names of those whose frames are asked for.
        fleet: names of all robots, which stand row by row from the far left.
        contract: the robots' own.
        camera_33: intrinsics of their cameras, (3, 3), pixels; None without a camera, zeros if it is not calibrated.
    """
    columns, apart = ceil(sqrt(len(fleet))), SPACING * contract.extent_m
    rows = ceil(len(fleet) / columns)
    camera = _camera(contract, camera_33)
    found = []
    for name in robots:
        row, column = divmod(fleet.index(name), columns)
        place = (apart * (column - (columns - 1) / 2), apart * ((rows - 1) / 2 - row), 0.0)
        found.append(StaticTransform(f"{name}/base_link", FLEET, place, LEVEL))
        if camera is not None:
            found.append(StaticTransform(f"{name}/camera_optical_frame", f"{name}/base_link", *camera))
    return found


Pose = tuple[tuple[float, float, float], tuple[float, float, float, float]]


def _camera(contract: RobotContract, camera_33: NDArray[np.float64] | None) -> Pose | None:
    """Of the optical frame in base_link: as the contract says, or else from where its plane looks as the contract says."""
    stream, plane = contract.observation.camera, contract.operation and contract.operation.plane
    if stream and stream.place:
        return _pose(np.array(stream.place.position), Rotation.from_euler("xyz", stream.place.roll_pitch_yaw))
    if not stream or not plane or camera_33 is None or not camera_33.any():
        return None
    (left, near), (right, far) = plane.workspace.low, plane.workspace.high
    metres_43 = np.array([(left, near, 0.0), (right, near, 0.0), (right, far, 0.0), (left, far, 0.0)])
    # Whole numbers are the middles of pixels.
    pixels_42 = np.array(plane.corners) * [stream.width, stream.height] - 0.5
    solved, turned_3, moved_3 = cv2.solvePnP(metres_43, pixels_42, camera_33, None)
    if not solved:
        return None
    base = Rotation.from_rotvec(turned_3.ravel())
    return _pose(-base.inv().apply(moved_3.ravel()), base.inv())


def _pose(position_3: NDArray[np.float64], turn: Rotation) -> Pose:
    x, y, z = map(float, position_3)
    qx, qy, qz, qw = map(float, turn.as_quat())
    return (x, y, z), (qx, qy, qz, qw)
