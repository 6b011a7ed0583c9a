"""The rules of the push task, independent of who moves and observes the cubes."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml
from sim_bridge.push.geometry import PUSH_GEOMETRY as CELL
from sim_bridge.push.geometry import PushGeometry
from sim_bridge.push.rules import PushRules
from sim_bridge.push.task import PushTask

CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/push_cell.yaml", RobotContract)
WITHIN_M = 0.002
places = st.floats(-0.2, 0.2)


def overlap(pose_3, half_m):
    """Return the area that a cube shares with a square around the origin, computed with OpenCV."""
    x, y, yaw = pose_3
    cube = ((x, y), (CELL.cube_side_m, CELL.cube_side_m), np.degrees(yaw))
    _, corners = cv2.rotatedRectangleIntersection(cube, ((0, 0), (2 * half_m, 2 * half_m), 0))
    return 0.0 if corners is None else cv2.contourArea(cv2.convexHull(corners))


@given(x=places, y=places, yaw=st.floats(-3.2, 3.2))
def test_a_cube_touches_what_it_overlaps(x, y, yaw):
    """Cases within the single precision of OpenCV are left out."""
    pose = np.array([x, y, yaw])
    touches = PushTask(1).touching(pose[None], WITHIN_M)[0]
    half_m = CELL.cube_side_m / 2 * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    corners = half_m @ np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]]) + pose[:2]
    beyond_m = np.abs(corners).max() - (CELL.workspace_half_m - WITHIN_M)
    if beyond_m > 1e-5 or overlap(pose, CELL.obstacle_half_m + WITHIN_M - 1e-4) > 0:
        assert touches
    elif beyond_m < -1e-5 and overlap(pose, CELL.obstacle_half_m + WITHIN_M + 1e-4) == 0:
        assert not touches


def test_a_robot_in_violation_pushes_again_after_its_hard_reset():
    rules = PushRules(CONTRACT, 2)
    poses = np.array([[0.1, 0.1, 0.0], [-0.1, 0.1, 0.0]])
    rules.put_right(np.arange(2), poses[:, :2])
    moves, actions = np.full(2, ActionKind.MOVE), np.full((2, 2), 0.02)
    assert rules.pushes(moves, actions).all()
    rules.judge(np.array([True, True]), np.array([True, False]), poses, np.ones(2))
    assert rules.pushes(moves, actions).tolist() == [False, True]
    assert rules.outcome(poses, np.zeros(2, bool), np.zeros(2, bool)).violated_N.tolist() == [True, False]
    rules.put_right(np.array([0]), poses[:1, :2])
    assert rules.pushes(moves, actions).all()


def test_a_toppled_cube_is_a_violation_and_no_success_in_the_goal():
    rules = PushRules(CONTRACT, 1)
    start = np.array([[0.1, 0.1, 0.0]])
    rules.put_right(np.array([0]), start[:, :2])
    there = np.array([[*rules.task.goals_N2[0], 0.0]])
    pushed, untouched = np.array([True]), np.array([False])
    assert not rules.judge(pushed, untouched, there, np.array([0.5]))[0]
    rules.put_right(np.array([0]), start[:, :2])
    assert rules.judge(pushed, untouched, there, np.array([1.0]))[0]


def test_cells_of_another_width_are_the_same_in_all_proportions():
    small = read_yaml(Path(__file__).parents[3] / "launch/config/robots/yumi_push_cell.yaml", RobotContract)
    geometry = PushGeometry.of(small)
    assert geometry.workspace_half_m == small.operation.plane.workspace.high[0]
    assert geometry.obstacle_half_m == small.operation.plane.obstacles[0].high[0]
    assert geometry.goal_radius_m == pytest.approx(small.operation.plane.goal.radius)
    assert PushGeometry.of(CONTRACT) == CELL
