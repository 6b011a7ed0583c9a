"""Frames of robots and cameras, compared with a pinhole that is computed here."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fleet_contract.fleet import numbered
from fleet_contract.robot import RobotContract
from fleet_contract.validation import validated
from robot_driver.frames import frames

CONFIG = Path(__file__).parents[3] / "launch/config/robots"
TREE = yaml.safe_load((CONFIG / "push_cell.yaml").read_text(encoding="utf-8"))
PUSH_CELL, POINTBOT, MOBILE_BASE = (
    validated(yaml.safe_load((CONFIG / f"{name}.yaml").read_text(encoding="utf-8")), RobotContract, source=name)
    for name in ("push_cell", "pointbot", "mobile_base")
)
WIDTH, HEIGHT, FOCAL = 96, 96, 90.0
CAMERA_33 = np.array([[FOCAL, 0, (WIDTH - 1) / 2], [0, FOCAL, (HEIGHT - 1) / 2], [0, 0, 1]])
CORNERS_43 = 0.2 * np.array([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)])


def axes(quaternion):
    """Return the frame's axes x, y and z in its parent as columns, from the definition of a unit quaternion."""
    x, y, z, w = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def looking_at(middle_3, place_3, roll):
    """Return the axes of a camera at `place_3` that has `middle_3` in the centre of its image."""
    ahead_3 = (middle_3 - place_3) / np.linalg.norm(middle_3 - place_3)
    right_3 = np.cross(ahead_3, [np.sin(roll), np.cos(roll), 0.0])
    right_3 /= np.linalg.norm(right_3)
    return np.column_stack([right_3, np.cross(ahead_3, right_3), ahead_3])


def seen_from(axes_33, place_3):
    """Return a contract whose corners are where a pinhole with this pose sees them."""
    pixels_P3 = (CORNERS_43 - place_3) @ axes_33 @ CAMERA_33.T
    shares_P2 = (pixels_P3[:, :2] / pixels_P3[:, 2:] + 0.5) / [WIDTH, HEIGHT]
    plane = TREE["operation"]["plane"] | {"corners": shares_P2.tolist()}
    tree = TREE | {"operation": TREE["operation"] | {"plane": plane}}
    return validated(tree, RobotContract, source="seen")


def camera_of(contract, matrix_33):
    _, camera = frames(["robot_01"], ["robot_01"], contract, matrix_33)
    assert (camera.name, camera.parent) == ("robot_01/camera_optical_frame", "robot_01/base_link")
    return np.array(camera.position), axes(camera.quaternion)


@given(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3), st.floats(0.8, 1.5), st.floats(0, 2 * np.pi), st.floats(-0.03, 0.03))
def test_the_pose_of_a_camera_follows_from_its_image_of_the_workspace(x, y, z, roll, off):
    place_3 = np.array([x, y, z])
    axes_33 = looking_at(np.array([off, -off, 0.0]), place_3, roll)
    found_3, found_33 = camera_of(seen_from(axes_33, place_3), CAMERA_33)
    np.testing.assert_allclose(found_3, place_3, atol=2e-3)
    np.testing.assert_allclose(found_33, axes_33, atol=5e-3)


def test_a_camera_pose_in_the_contract_is_used():
    position_3, axes_33 = camera_of(MOBILE_BASE, np.zeros((3, 3)))
    np.testing.assert_allclose(position_3, [0, 0, 2])
    # Right in the image is to the base's right, down is behind it, and it looks down.
    np.testing.assert_allclose(axes_33, np.array([[0, -1, 0], [-1, 0, 0], [0, 0, -1]]).T, atol=1e-6)


@pytest.mark.parametrize(
    ("contract", "matrix_33"), [(POINTBOT, None), (PUSH_CELL, None), (PUSH_CELL, np.zeros((3, 3)))]
)
def test_no_camera_frame_without_a_known_pose(contract, matrix_33):
    assert [frame.name for frame in frames(["robot_01"], ["robot_01"], contract, matrix_33)] == ["robot_01/base_link"]


@pytest.mark.parametrize("contract", [PUSH_CELL, POINTBOT])
@pytest.mark.parametrize("robots", [1, 2, 4, 7, 100])
def test_robots_are_arranged_apart_and_around_the_origin(contract, robots):
    names = numbered("robot", robots)
    bases = [frame for frame in frames(names, names, contract, None) if frame.name.endswith("base_link")]
    assert [(base.name, base.parent) for base in bases] == [(f"{name}/base_link", "fleet") for name in names]
    places_N3 = np.array([base.position for base in bases])
    for one_3, other_3 in combinations(places_N3, 2):
        assert np.abs(one_3 - other_3).max() > 1.5 * contract.extent_m
    np.testing.assert_allclose(places_N3.min(0) + places_N3.max(0), 0.0, atol=1e-9)
    across, down = np.ptp(places_N3[:, 0]), np.ptp(places_N3[:, 1])
    assert down <= across <= max(down, 1e-9) * 2 or robots <= 2


def test_several_drivers_place_their_robots_as_one_would():
    names = numbered("robot", 7)
    apart = [*frames(names[:3], names, PUSH_CELL, CAMERA_33), *frames(names[3:], names, PUSH_CELL, CAMERA_33)]
    assert apart == frames(names, names, PUSH_CELL, CAMERA_33)
