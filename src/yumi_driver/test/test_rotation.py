import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from yumi_driver.pose import Pose
from yumi_driver.rotation import (
    matrix_of_quaternion,
    matrix_of_vector,
    quaternion_of_matrix,
    vector_of_matrix,
)

numbers = st.floats(-1.0, 1.0)
vectors = st.tuples(numbers, numbers, numbers).map(lambda parts: np.array(parts) * 1.8)
quaternions = st.tuples(numbers, numbers, numbers, numbers).map(np.array).filter(lambda q: np.linalg.norm(q) > 0.1)
poses = st.builds(lambda vector, turn: Pose(100.0 * vector, matrix_of_vector(turn)), vectors, vectors)


@given(quaternions)
def test_a_quaternion_comes_back_from_its_matrix(quaternion_4):
    unit_4 = quaternion_4 / np.linalg.norm(quaternion_4)
    back_4 = quaternion_of_matrix(matrix_of_quaternion(quaternion_4))
    assert back_4[0] >= 0.0
    assert min(np.linalg.norm(back_4 - unit_4), np.linalg.norm(back_4 + unit_4)) < 1e-9


@given(vectors.filter(lambda vector: np.linalg.norm(vector) < 3.14))
def test_a_rotation_vector_comes_back_from_its_matrix(vector_rad_3):
    np.testing.assert_allclose(vector_of_matrix(matrix_of_vector(vector_rad_3)), vector_rad_3, atol=1e-6)


def test_a_quarter_turn_about_z_turns_x_to_y():
    quarter_33 = matrix_of_vector(np.array([0.0, 0.0, np.pi / 2]))
    np.testing.assert_allclose(quarter_33 @ [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], atol=1e-12)


@given(poses, poses, st.floats(0.1, 50.0), st.floats(0.1, 50.0))
def test_the_way_to_a_pose_is_straight_and_limited(start, target, distance_mm, angle_deg):
    waypoint = start.interpolate(target, start.share_within(target, distance_mm, angle_deg))
    assert start.distance_mm(waypoint) <= distance_mm + 1e-9
    assert start.angle_deg(waypoint) <= angle_deg + 1e-6
    detour_mm = start.distance_mm(waypoint) + waypoint.distance_mm(target) - start.distance_mm(target)
    assert detour_mm < 1e-6


@given(poses, poses)
def test_a_motion_without_limits_ends_at_the_target(start, target):
    assert start.interpolate(target, start.share_within(target, np.inf, np.inf)) is target


@given(poses)
def test_a_pose_and_its_inverse_cancel(pose):
    nothing = pose @ pose.inverse()
    np.testing.assert_allclose(nothing.position_mm_3, 0.0, atol=1e-9)
    np.testing.assert_allclose(nothing.rotation_33, np.eye(3), atol=1e-9)
