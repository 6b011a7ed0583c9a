"""The base's beacon, sonars, camera and bumper are consistent with one arena."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobile_base.arena import BASE_RADIUS_M, HALF_M, OBSTACLES_K3, SONARS_RAD, Arena
from mobile_base.camera import BEACON, OBSTACLE, PX_PER_M, SIZE_PX, image

SEEDS = st.integers(0, 10_000)


def is_free(point_2) -> bool:
    to_obstacles = np.hypot(*(OBSTACLES_K3[:, :2] - point_2).T)
    return bool(np.abs(point_2).max() < HALF_M and (to_obstacles > OBSTACLES_K3[:, 2]).all())


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_a_sonar_measures_the_free_distance(seed):
    arena = Arena(seed)
    for sonar_rad, measured_m in zip(SONARS_RAD, arena.ranges, strict=True):
        walked = []
        for off_deg in (-12, 0, 12):
            angle = arena.heading_rad + sonar_rad + math.radians(off_deg)
            direction_2 = np.array([math.cos(angle), math.sin(angle)])
            steps = np.arange(0, 5, 0.001)
            walked.append(next(step for step in steps if not is_free(arena.position_2 + step * direction_2)))
        assert measured_m == pytest.approx(min(walked) - BASE_RADIUS_M, abs=0.002)


def test_driving_ahead_brings_the_beacon_nearer_and_turning_left_moves_it_right():
    arena = Arena(1)
    ahead, left = arena.beacon_in_base_2
    arena.drive(0.5, 0.0, 0.1)
    assert arena.beacon_in_base_2 == pytest.approx([ahead - 0.05, left])
    assert arena.wheels_rad == pytest.approx([0.05 / 0.04] * 2)
    before = math.atan2(*arena.beacon_in_base_2[::-1])
    arena.drive(0.0, 1.0, 0.1)
    turned = math.remainder(math.atan2(*arena.beacon_in_base_2[::-1]) - before, math.tau)
    assert turned == pytest.approx(-0.1)


def test_a_base_that_hits_something_stays_there_until_it_is_put_back():
    arena = Arena(2)
    while not arena.bumped:
        arena.drive(0.5, 0.0, 0.02)
    position_2 = arena.position_2.copy()
    arena.drive(-0.5, 0.0, 1.0)
    np.testing.assert_array_equal(arena.position_2, position_2)
    arena.put_back()
    assert not arena.bumped
    assert is_free(arena.position_2)


def test_the_camera_sees_the_beacon_where_it_is():
    arena = Arena(1)
    for _ in range(100):
        if np.abs(arena.beacon_in_base_2).max() < 1.0:
            break
        arena.light_beacon()
    pixels = image(arena)
    assert pixels.shape == (SIZE_PX, SIZE_PX, 3)
    row, column = np.argwhere((pixels == BEACON).all(axis=-1)).mean(axis=0)
    ahead, left = (SIZE_PX / 2 - row) / PX_PER_M, (SIZE_PX / 2 - column) / PX_PER_M
    assert (ahead, left) == pytest.approx(tuple(arena.beacon_in_base_2), abs=0.06)
    assert (pixels == OBSTACLE).all(axis=-1).any()


def test_the_same_seed_gives_the_same_arena():
    one, other = Arena(5), Arena(5)
    np.testing.assert_array_equal(one.position_2, other.position_2)
    np.testing.assert_array_equal(one.beacon_2, other.beacon_2)
    assert not np.array_equal(one.position_2, Arena(6).position_2)
