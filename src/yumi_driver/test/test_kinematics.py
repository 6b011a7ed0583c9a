import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yumi_driver.kinematics import ARM_KINEMATICS, HIGHEST_DEG_7, HOME_DEG_7, LOWEST_DEG_7
from yumi_driver.pose import Pose

joints = st.lists(st.floats(0.05, 0.95), min_size=7, max_size=7).map(
    lambda shares: LOWEST_DEG_7 + np.array(shares) * (HIGHEST_DEG_7 - LOWEST_DEG_7)
)


@pytest.mark.parametrize(("unit", "side"), [("ROB_L", 1.0), ("ROB_R", -1.0)])
def test_the_calibration_position_matches_abbs(unit, side):
    # The robtarget that RobotStudio shows for tool0 in wobj0 at these joints.
    tip = ARM_KINEMATICS[unit].tip(HOME_DEG_7[unit])
    np.testing.assert_allclose(tip.position_mm_3, [-9.578368507, side * 182.609892723, 198.627808149], atol=1e-5)
    expected = Pose.of_quaternion(
        tip.position_mm_3, np.array([0.066010726, side * 0.842420918, -0.111214912, side * 0.523068661])
    )
    assert tip.angle_deg(expected) < 1e-5


@given(joints)
@settings(max_examples=50, deadline=None)
def test_the_right_arm_is_the_mirror_image_of_the_left(joints_deg_7):
    mirrored_deg_7 = joints_deg_7 * [-1.0, 1.0, 1.0, -1.0, 1.0, -1.0, -1.0]
    left = ARM_KINEMATICS["ROB_L"].tip(joints_deg_7).position_mm_3
    right = ARM_KINEMATICS["ROB_R"].tip(mirrored_deg_7).position_mm_3
    np.testing.assert_allclose(right, left * [1.0, -1.0, 1.0], atol=1e-6)


@given(joints, st.lists(st.floats(-1.0, 1.0), min_size=7, max_size=7))
@settings(max_examples=50, deadline=None)
def test_joints_near_the_start_are_found_again(joints_deg_7, offsets_deg):
    arm = ARM_KINEMATICS["ROB_L"]
    target = arm.tip(joints_deg_7 + np.array(offsets_deg))
    found_deg_7 = arm.joints_at(target, joints_deg_7)
    if found_deg_7 is not None:  # a stretched arm may not reach it
        assert arm.tip(found_deg_7).distance_mm(target) < 1e-5
        assert arm.tip(found_deg_7).angle_deg(target) < 1e-5


def test_no_joints_are_found_out_of_reach():
    arm, home_deg_7 = ARM_KINEMATICS["ROB_L"], HOME_DEG_7["ROB_L"]
    tip = arm.tip(home_deg_7)
    assert arm.joints_at(Pose(np.array([2000.0, 0.0, 500.0]), tip.rotation_33), home_deg_7) is None
