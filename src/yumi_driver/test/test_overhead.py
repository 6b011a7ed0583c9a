"""Compares the found cube with its pose in MuJoCo, and the policies' pictures with their training data."""

import cv2
import numpy as np
import pytest
from lab import CONTRACT, CORNERS, GEOMETRY

from fleet_common.jpeg import from_jpeg, to_jpeg
from sim_bridge.push.cell import MujocoPush
from yumi_driver.overhead import Overhead

COUNT, SIDE_PX = 60, 288
NOWHERE = np.full((COUNT, 2), 5.0)


@pytest.fixture(scope="module")
def cells():
    rng = np.random.default_rng(0)
    ring_N = rng.uniform(0.055, 0.12, COUNT)
    angles_N = rng.uniform(-np.pi, np.pi, COUNT)
    places_N2 = np.stack([np.cos(angles_N), np.sin(angles_N)], axis=1)
    places_N2 *= (ring_N / np.abs(places_N2).max(axis=1))[:, None]
    poses_N3 = np.column_stack([places_N2, rng.uniform(-3, 3, COUNT)])
    physics = MujocoPush(COUNT, 1, GEOMETRY)
    physics.place(np.arange(COUNT), poses_N3)
    yield physics, poses_N3
    physics.close()


def errors(overhead, pictures, poses_N3):
    """Return errors of position, mm, and of yaw, degrees."""
    found_N3 = np.array([overhead.cube(picture) for picture in pictures])
    turn_N = (found_N3[:, 2] - poses_N3[:, 2] + np.pi / 4) % (np.pi / 2) - np.pi / 4
    return 1000 * np.hypot(*(found_N3 - poses_N3)[:, :2].T), np.degrees(np.abs(turn_N))


def test_the_cube_is_found(cells):
    physics, poses_N3 = cells
    pictures = [from_jpeg(to_jpeg(seen)) for seen in physics.images(np.arange(COUNT), NOWHERE, (SIDE_PX, SIDE_PX))]
    places_mm, turns_deg = errors(Overhead(CORNERS, GEOMETRY), pictures, poses_N3)
    assert places_mm.max() < 1.0
    assert places_mm.mean() < 0.3
    assert turns_deg.max() < 3.0
    assert turns_deg.mean() < 1.0


def test_a_tilted_camera_is_rectified(cells):
    """The pictures are those of a camera that is rotated, tilted and of another shape."""
    physics, poses_N3 = cells
    straight = physics.images(np.arange(COUNT), NOWHERE, (SIDE_PX, SIDE_PX))
    size = 640, 480
    whole = np.array([[0, 0], [SIDE_PX, 0], [SIDE_PX, SIDE_PX], [0, SIDE_PX]], np.float32) - 0.5
    seen = np.array([[560, 40], [590, 430], [90, 460], [120, 30]], np.float32)
    tilt = cv2.getPerspectiveTransform(whole, seen)
    pictures = [np.asarray(cv2.warpPerspective(picture, tilt, size, borderValue=(90, 80, 70))) for picture in straight]
    corners_42 = cv2.perspectiveTransform(np.float32([np.array(CORNERS) * SIDE_PX - 0.5]), tilt)[0]
    corners = tuple(map(tuple, (corners_42 + 0.5) / size))
    places_mm, turns_deg = errors(Overhead(corners, GEOMETRY), pictures, poses_N3)
    assert places_mm.max() < 2.0
    assert turns_deg.max() < 3.0


def test_no_cube_is_found_in_an_empty_workspace(cells):
    physics, _ = cells
    (seen,) = physics.images(np.array([0]), NOWHERE[:1], (SIDE_PX, SIDE_PX))
    blue = (seen[..., 2] > 150) & (seen[..., 0] < 120)
    seen[blue] = seen[5, SIDE_PX // 2]
    assert Overhead(CORNERS, GEOMETRY).cube(seen) is None
    assert Overhead(CORNERS, GEOMETRY).cube(np.zeros_like(seen)) is None


def test_policies_see_pictures_like_their_training_data(cells):
    """The edges of objects differ, because cameras and JPEG blur them."""
    physics, _ = cells
    camera, overhead = CONTRACT.observation.camera, Overhead(CORNERS, GEOMETRY)
    goals_N2 = np.tile([0.08, -0.085], (COUNT, 1))
    wanted = physics.images(np.arange(COUNT), goals_N2, (camera.width, camera.height))
    seen = physics.images(np.arange(COUNT), NOWHERE, (SIDE_PX, SIDE_PX))
    for picture, plain, goal_2 in zip(seen, wanted, goals_N2, strict=True):
        straight = overhead.straight(from_jpeg(to_jpeg(picture)), camera.width, camera.height)
        found = overhead.with_goal(straight, goal_2)
        off = np.abs(found.astype(int) - plain).max(axis=-1)
        assert np.median(off) <= 4
        assert (off > 60).mean() < 0.08
