import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sim_station import OVER_THE_TABLE_DEG_7

from yumi_driver.kinematics import (
    ARM_KINEMATICS,
    FASTEST_DEG_S_7,
    HIGHEST_DEG_7,
    HOME_DEG_7,
    LOWEST_DEG_7,
)
from yumi_driver.pose import Pose
from yumi_driver.rotation import matrix_of_vector
from yumi_driver.sim_controller.arm import YUMI_LIMITS, Arm, MotionError, SpeedLimits
from yumi_driver.sim_controller.event_log import EventKind
from yumi_driver.sim_controller.free_space import FreeSpace

PERIOD_S = 0.004
OFFSET_MM_3 = np.array([30.0, 20.0, 0.0])
shares = st.floats(0.0, 1.0)
joints = st.lists(shares, min_size=7, max_size=7).map(
    lambda parts: LOWEST_DEG_7 + np.array(parts) * (HIGHEST_DEG_7 - LOWEST_DEG_7)
)
offsets = st.lists(st.floats(-1.0, 1.0), min_size=3, max_size=3).map(np.array)
limits = st.builds(SpeedLimits, st.floats(1.0, 1500.0), st.floats(1.0, 500.0))


def arm_at(joints_deg_7, speed_limits=YUMI_LIMITS, tool=None):
    return Arm("ROB_L", ARM_KINEMATICS["ROB_L"], tool or FreeSpace(), speed_limits, joints_deg_7)


def arm_at_home(speed_limits=YUMI_LIMITS, tool=None):
    return arm_at(HOME_DEG_7["ROB_L"], speed_limits, tool)


def step(arm, follow):
    """Return the speeds of one step: tip in mm/s and deg/s, axes as shares of their limits."""
    tip, joints_deg_7 = arm.tip, arm.joints_deg_7
    try:
        follow()
    except MotionError:
        assert arm.tip is tip
        assert arm.joints_deg_7 is joints_deg_7
    axes = np.abs(arm.joints_deg_7 - joints_deg_7) / FASTEST_DEG_S_7
    return tip.distance_mm(arm.tip) / PERIOD_S, tip.angle_deg(arm.tip) / PERIOD_S, axes.max() / PERIOD_S


def assert_within(speeds, speed_limits):
    tip_mm_s, tip_deg_s, axes = speeds
    assert tip_mm_s <= speed_limits.tip_mm_s * 1.00001
    assert tip_deg_s <= speed_limits.tip_deg_s * 1.00001
    assert axes <= 1.00001


@given(limits, st.lists(joints, min_size=1, max_size=3))
@settings(max_examples=25, deadline=None)
def test_joint_targets_are_followed_within_the_speed_limits(speed_limits, targets):
    arm = arm_at_home(speed_limits)
    for target_deg_7 in targets:
        for _ in range(8):
            assert_within(step(arm, lambda target=target_deg_7: arm.follow_joints(target, PERIOD_S)), speed_limits)


@given(limits, st.lists(st.tuples(offsets, offsets), min_size=1, max_size=3))
@settings(max_examples=25, deadline=None)
def test_pose_targets_are_followed_within_the_speed_limits(speed_limits, targets):
    arm = arm_at(OVER_THE_TABLE_DEG_7["ROB_L"], speed_limits)
    home = arm.tip
    for offset_3, turn_3 in targets:
        target = Pose(home.position_mm_3 + 300.0 * offset_3, matrix_of_vector(turn_3) @ home.rotation_33)
        for _ in range(8):
            assert_within(step(arm, lambda target=target: arm.follow_pose(target, PERIOD_S)), speed_limits)


def test_a_pose_target_is_reached_on_a_straight_line_at_the_speed_limit():
    arm = arm_at_home(SpeedLimits(tip_mm_s=250.0))
    start = arm.tip
    target = Pose(start.position_mm_3 + OFFSET_MM_3, start.rotation_33)
    steps = int(np.ceil(start.distance_mm(target) / (250.0 * PERIOD_S)))
    for _ in range(steps):
        arm.follow_pose(target, PERIOD_S)
        offset_3 = arm.tip.position_mm_3 - start.position_mm_3
        assert np.linalg.norm(np.cross(offset_3, OFFSET_MM_3)) < 1e-2
    assert arm.tip.distance_mm(target) < 1e-4
    assert arm.tip.angle_deg(target) < 1e-4


@given(joints)
@settings(max_examples=10, deadline=None)
def test_every_joint_target_within_the_limits_is_reached(target_deg_7):
    arm = arm_at_home(SpeedLimits(tip_mm_s=1e6, tip_deg_s=1e6))
    slowest_s = np.max(np.abs(target_deg_7 - arm.joints_deg_7) / FASTEST_DEG_S_7)
    for _ in range(int(slowest_s / 0.05) + 1):
        arm.follow_joints(target_deg_7, 0.05)
    np.testing.assert_allclose(arm.joints_deg_7, target_deg_7, atol=1e-9)


def test_a_joint_target_beyond_a_limit_is_an_error():
    arm = arm_at_home()
    target_deg_7 = arm.joints_deg_7 - np.eye(7)[1] * 20.0

    def follow():
        for _ in range(100):
            arm.follow_joints(target_deg_7, PERIOD_S)

    with pytest.raises(MotionError) as refused:
        follow()
    assert refused.value.kind is EventKind.JOINT_OUT_OF_RANGE
    assert arm.joints_deg_7[1] >= LOWEST_DEG_7[1]


def test_a_pose_target_out_of_reach_is_an_error_without_a_fast_motion():
    arm = arm_at_home()
    start = arm.tip
    target = Pose(start.position_mm_3 + 100.0 * OFFSET_MM_3, start.rotation_33)

    def follow():
        for _ in range(1000):
            previous = arm.tip
            arm.follow_pose(target, PERIOD_S)
            assert previous.distance_mm(arm.tip) <= YUMI_LIMITS.tip_mm_s * PERIOD_S * 1.00001

    with pytest.raises(MotionError) as refused:
        follow()
    assert refused.value.kind in {EventKind.OUTSIDE_REACH, EventKind.JOINT_OUT_OF_RANGE}
    assert start.distance_mm(arm.tip) > 10.0


def test_the_elbow_does_not_drift_while_the_tip_moves_in_circles():
    # Without a rule for the redundant axis, an axis exceeds its limits after four circles.
    arm = arm_at(OVER_THE_TABLE_DEG_7["ROB_L"])
    start = arm.tip
    rounds_deg = []
    for _ in range(6):
        for angle in np.linspace(0.0, 2.0 * np.pi, 200):
            offset_3 = np.array([np.cos(angle) - 1.0, np.sin(angle), 0.0])
            arm.follow_pose(Pose(start.position_mm_3 + 80.0 * offset_3, start.rotation_33), PERIOD_S)
        rounds_deg.append(arm.joints_deg_7)
    assert np.max(np.abs(rounds_deg[5] - rounds_deg[4])) < 2.0


class Recorder:
    def __init__(self):
        self.moves = []

    def moved(self, tip, previous):
        self.moves.append((tip.position_mm_3, previous.position_mm_3))


def test_the_tool_is_moved_in_every_step_without_gaps():
    recorder = Recorder()
    arm = arm_at_home(tool=recorder)
    arm.hold()
    target = Pose(arm.tip.position_mm_3 + OFFSET_MM_3, arm.tip.rotation_33)
    for _ in range(5):
        arm.follow_pose(target, PERIOD_S)
    arm.hold()
    assert len(recorder.moves) == 7
    np.testing.assert_array_equal(recorder.moves[0][0], recorder.moves[0][1])
    for (before, _), (_, previous) in zip(recorder.moves, recorder.moves[1:], strict=False):
        np.testing.assert_array_equal(before, previous)
    np.testing.assert_array_equal(recorder.moves[-1][0], arm.tip.position_mm_3)
