"""The supervisors of the tabletop complete every task in every style, and styles differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml
from fleet_supervisors.supervisors import make_supervisor, styles_of
from fleet_supervisors.tabletop import detour, drawer, lever, pushing, scene
from sim_bridge.episodes import Transition, act_by_state, drive_until_over
from sim_bridge.tabletop import drawer_table, push_table
from sim_bridge.tabletop import geometry as g
from sim_bridge.tabletop.environment import Tabletop
from sim_bridge.tabletop.task import TASKS

CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/tabletop.yaml", RobotContract)
NAMES = tuple(task.name for task in TASKS)
ROBOTS = 20


def driven(task: str, style: str, seed: int) -> list[Transition]:
    """The transitions of robots that are all driven in one style, each until its first episode is over."""
    environment = Tabletop(CONTRACT, ROBOTS, (task,))
    act = act_by_state([make_supervisor("tabletop", style, CONTRACT, 0, 0).act], CONTRACT.action_dim)
    return list(drive_until_over(environment, environment.reset(seed), act))


@pytest.mark.parametrize("style", styles_of("tabletop"))
@pytest.mark.parametrize("task", NAMES)
def test_every_task_is_completed(task, style):
    succeeded_N = np.any([moved.driven_N & moved.after.succeeded_N for moved in driven(task, style, 7)], axis=0)
    assert succeeded_N.mean() >= 0.95


@pytest.mark.parametrize("task", NAMES)
def test_the_styles_take_different_ways(task):
    """From the same starts, fingers are in different places later, at many tables: the shorter way is often the same for both."""
    left_N2, right_N2 = (driven(task, style, 3)[25].before.states_NS[:, :2] for style in ("left", "right"))
    assert np.mean(np.hypot(*(left_N2 - right_N2).T) > 0.02) >= 0.2


@pytest.mark.parametrize(("style", "sign"), [("left", 1), ("right", -1)])
def test_the_style_decides_between_equally_long_ways(style, sign):
    """Upwards in the image, the left is at smaller x."""
    next_2 = detour.next_point(np.array([0.0, -0.1]), np.array([0.0, 0.1]), np.zeros(2), 0.06, style)
    assert next_2[0] * sign < 0


@pytest.mark.parametrize("style", styles_of("tabletop"))
def test_the_shorter_way_is_taken_if_one_is_much_shorter(style):
    start_2, goal_2 = np.array([0.05, -0.1]), np.array([0.05, 0.1])
    assert detour.next_point(start_2, goal_2, np.zeros(2), 0.07, style)[0] > 0.05


def test_a_free_way_is_straight():
    start_2, goal_2 = np.array([0.1, -0.1]), np.array([0.1, 0.1])
    np.testing.assert_array_equal(detour.next_point(start_2, goal_2, np.zeros(2), 0.07, "left"), goal_2)


def test_the_tangent_touches_the_circle():
    start_2, radius_m = np.array([0.02, -0.12]), 0.06
    next_2 = detour.next_point(start_2, np.array([0.0, 0.1]), np.zeros(2), radius_m, "left")
    assert np.hypot(*next_2) == pytest.approx(radius_m)
    assert next_2 @ (next_2 - start_2) == pytest.approx(0.0, abs=1e-12)


def test_constants_are_those_of_the_simulation():
    assert scene.TASKS == NAMES
    assert scene.FINGER_M == g.FINGER_RADIUS_M
    assert pushing.OBSTACLE_M == g.OBSTACLE_RADIUS_M
    assert pushing.SLOT_MOUTH_M == g.SLOT_MOUTH_Y_M
    halves = {task: half_m for task, (half_m, _) in push_table.OBJECTS.items()}
    assert halves | {"push_block": halves["push_block"] * 2**0.5} == pushing.WIDEST_M
    assert (drawer.BAR_HALF_M, drawer.POST_M) == (g.BAR_HALF_M, g.POST_RADIUS_M)
    assert (lever.ARM_M, lever.HALF_M) == (g.LEVER_ARM_M, g.LEVER_HALF_M)
    assert drawer_table.OPENINGS_M["open_drawer"][1] < g.OPENED_M
