"""The tabletop: its environment, and how its robots succeed and fail."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, read_yaml, validated
from sim_bridge.backends import make_environment, require_environment, tasks_within
from sim_bridge.conformance import EnvironmentConformance
from sim_bridge.progress import STUCK_TICKS
from sim_bridge.tabletop import geometry as g
from sim_bridge.tabletop.environment import HORIZON, Tabletop
from sim_bridge.tabletop.failure import Failure
from sim_bridge.tabletop.jam import JAMMED_TICKS
from sim_bridge.tabletop.loose_body import standing
from sim_bridge.tabletop.push_table import path_around
from sim_bridge.tabletop.task import TASKS

CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/tabletop.yaml", RobotContract)
NAMES = tuple(task.name for task in TASKS)
FASTEST = float(CONTRACT.action_high_A[0])


class TestTabletopConforms(EnvironmentConformance):
    @pytest.fixture(autouse=True, params=NAMES)
    def choose(self, request):
        self.tasks = (request.param,)

    def make(self, robots: int) -> Tabletop:
        return make_environment("mujoco", "tabletop", CONTRACT, robots, tasks=self.tasks)


class TestMixedTabletopConforms(EnvironmentConformance):
    def make(self, robots: int) -> Tabletop:
        return make_environment("mujoco", "tabletop", CONTRACT, robots)


def moved(environment: Tabletop, *velocity: float):
    """Move all fingers at the same velocity for one tick."""
    return environment.step(np.full(environment.robots, ActionKind.MOVE), np.tile(velocity, (environment.robots, 1)))


def table_of(environment: Tabletop, robot: int = 0):
    return environment._places[robot][0]


def with_object_at(task: str, pose, finger) -> Tabletop:
    """Return one robot whose object and finger are in these places."""
    environment = Tabletop(CONTRACT, 1, (task,))
    table_of(environment)._moved_NQ[0] = pose
    table_of(environment)._fingers_N2[0] = finger
    return environment


def test_tasks_are_assigned_in_turn_and_the_state_names_them():
    environment = Tabletop(CONTRACT, 5, ("turn_lever", "push_disc"))
    assert environment.tasks == ("turn_lever", "push_disc", "turn_lever", "push_disc", "turn_lever")
    named_N = [NAMES[index] for index in np.argmax(environment.reset(0).states_NS[:, -len(NAMES) :], axis=1)]
    assert tuple(named_N) == environment.tasks
    assert Tabletop(CONTRACT, 7).tasks == (*NAMES, NAMES[0])
    assert tasks_within("mujoco", "tabletop") == NAMES


def test_a_robot_does_not_depend_on_the_tasks_of_the_others():
    alone, among = Tabletop(CONTRACT, 1, ("push_disc",)), Tabletop(CONTRACT, 4, ("push_disc", "open_drawer"))
    np.testing.assert_array_equal(alone.reset(3).states_NS[0], among.reset(3).states_NS[0])
    for velocity in ((0.1, 0.05), (0.0, 0.1), (-0.1, 0.1)):
        np.testing.assert_array_equal(moved(alone, *velocity).states_NS[0], moved(among, *velocity).states_NS[0])


@pytest.mark.parametrize("task", NAMES)
def test_a_robot_that_does_nothing_is_stuck_and_not_before(task):
    environment = Tabletop(CONTRACT, 1, (task,))
    for move in range(1, STUCK_TICKS + 1):
        step = moved(environment, 0.0, 0.0)
        assert step.violated_N.tolist() == [move == STUCK_TICKS]
    assert environment.failures.tolist() == [Failure.STUCK]
    assert not step.episode_over_N.any()
    environment.step(np.array([ActionKind.HARD_RESET]), np.zeros((1, 2)))
    assert environment.failures.tolist() == [Failure.NONE]


def test_a_finger_that_presses_against_the_cabinet_is_jammed():
    environment = Tabletop(CONTRACT, 1, ("open_drawer",))
    table = table_of(environment)
    table._fingers_N2[0] = table._fixtures_N3[0, :2] + (0.08, -g.FINGER_RADIUS_M - 0.001)
    flags = [moved(environment, 0.0, FASTEST).violated_N[0] for _ in range(JAMMED_TICKS + 1)]
    assert flags[-1]
    assert not any(flags[: JAMMED_TICKS - 1])
    assert environment.failures.tolist() == [Failure.JAMMED]


@pytest.mark.parametrize("task", ["push_block", "push_disc", "insert_peg"])
def test_an_object_that_is_pushed_over_the_rim_is_a_violation(task):
    height_m = {"push_block": g.BLOCK_HEIGHT_M, "push_disc": g.DISC_HEIGHT_M, "insert_peg": g.PEG_HEIGHT_M}[task]
    environment = with_object_at(task, standing((0.165, -0.1), 0.0, height_m), (0.11, -0.1))
    steps = [moved(environment, FASTEST, 0.0) for _ in range(8)]
    assert steps[-1].violated_N.all()
    assert not steps[0].violated_N.any()
    assert environment.failures.tolist() == [Failure.OVER_RIM]
    assert table_of(environment)._moved_NQ[0, 0] > g.TABLE_HALF_M


def test_a_block_that_is_pushed_onto_the_obstacle_topples():
    beside_m = g.OBSTACLE_RADIUS_M["push_block"] + g.BLOCK_HALF_M + 0.002
    environment = with_object_at(
        "push_block", standing((-beside_m, 0.0), 0.0, g.BLOCK_HEIGHT_M), (-beside_m - g.BLOCK_HALF_M - 0.014, 0.0)
    )
    for _ in range(20):
        moved(environment, FASTEST, 0.0)
    assert environment.failures.tolist() == [Failure.TOPPLED]


def test_a_finger_that_runs_into_the_post_is_jammed():
    environment = Tabletop(CONTRACT, 1, ("close_drawer",))
    table = table_of(environment)
    table._fingers_N2[0] = table.obstacles()[0] - (0.0, g.POST_RADIUS_M + g.FINGER_RADIUS_M + 0.005)
    for _ in range(JAMMED_TICKS + 2):
        moved(environment, 0.02, FASTEST)
    assert environment.failures.tolist() == [Failure.JAMMED]


@pytest.mark.parametrize(
    ("task", "before", "velocity"),
    [
        ("open_drawer", g.OPENED_M - 0.004, (0.0, -FASTEST)),
        ("close_drawer", g.CLOSED_M + 0.004, (0.0, FASTEST)),
    ],
)
def test_a_drawer_that_is_moved_by_its_bar_succeeds(task, before, velocity):
    environment = Tabletop(CONTRACT, 1, (task,))
    table = table_of(environment)
    table._moved_NQ[0] = before
    behind = np.sign(velocity[1]) * -(g.FINGER_RADIUS_M + g.BAR_HALF_THICKNESS_M + 0.001)
    table._fingers_N2[0] = table.objects()[0, :2] + (0.03, behind)
    step = moved(environment, *velocity)
    assert step.succeeded_N.all()
    assert step.terminated_N.all()
    assert step.rewards_N.tolist() == [1.0]
    assert table.remaining()[0] > 0.03, "the next episode has begun"


def test_a_lever_arrives_from_both_sides_of_its_goal():
    environment = Tabletop(CONTRACT, 2, ("turn_lever",))
    table = table_of(environment)
    to_goal_N2 = table._goals_N3[:, :2] - table._fixtures_N3[:, :2]
    goals_N = np.arctan2(to_goal_N2[:, 1], to_goal_N2[:, 0])
    for off, arrived in ((0.9, True), (-0.9, True), (1.1, False), (-1.1, False)):
        table._moved_NQ[:, 0] = goals_N + off * g.LEVER_TOLERANCE_RAD + 2 * np.pi
        assert table.arrived().tolist() == [arrived] * 2
        np.testing.assert_allclose(table.remaining(), g.LEVER_ARM_M * abs(off) * g.LEVER_TOLERANCE_RAD)


def test_an_episode_is_truncated_after_its_moves():
    environment = Tabletop(CONTRACT, 2, ("push_disc",))
    environment._moves_N[:] = (HORIZON - 1, HORIZON - 2)
    step = moved(environment, 0.0, 0.0)
    assert step.truncated_N.tolist() == [True, False]
    assert not (step.terminated_N | step.violated_N).any()
    assert environment._moves_N.tolist() == [0, HORIZON - 1]


def test_a_robot_that_fails_with_its_last_move_waits_for_its_hard_reset():
    environment = Tabletop(CONTRACT, 1, ("push_disc",))
    for _ in range(STUCK_TICKS - 1):
        moved(environment, 0.0, 0.0)
    environment._moves_N[:] = HORIZON - 1
    for _ in range(3):
        step = moved(environment, 0.0, 0.0)
        assert step.violated_N.all()
        assert not step.episode_over_N.any()


@pytest.mark.parametrize("task", NAMES)
def test_everything_that_matters_is_in_the_picture(task):
    """Moving finger, object, obstacle or goal by two centimetres changes the image."""
    environment = Tabletop(CONTRACT, 1, (task,))
    table = table_of(environment)
    images = [environment.images()[0]]
    for change in (
        lambda: np.add(table._fingers_N2[0], (0.0, 0.02), out=table._fingers_N2[0]),
        lambda: np.add(table._goals_N3[0, :2], (0.0, 0.02), out=table._goals_N3[0, :2]),
        lambda: np.add(table._moved_NQ[0, :1], 0.02 if task != "turn_lever" else 0.2, out=table._moved_NQ[0, :1]),
    ):
        change()
        images.append(environment.images()[0])
    assert all(not np.array_equal(one, other) for one, other in pairwise(images))


def hull_perimeter(points) -> float:
    """Return the perimeter of the convex hull (Andrew's monotone chain)."""
    ordered = sorted(map(tuple, points))
    hull: list[tuple[float, float]] = []
    for path in (ordered, ordered[::-1]):
        half: list[tuple[float, float]] = []
        for x, y in path:
            while len(half) > 1 and (half[-1][0] - half[-2][0]) * (y - half[-2][1]) <= (half[-1][1] - half[-2][1]) * (
                x - half[-2][0]
            ):
                half.pop()
            half.append((x, y))
        hull += half[:-1]
    return float(np.hypot(*(np.array(hull) - np.roll(hull, 1, axis=0)).T).sum())


@given(
    start=st.tuples(st.floats(0.061, 0.2), st.floats(-np.pi, np.pi)),
    goal=st.tuples(st.floats(0.061, 0.2), st.floats(-np.pi, np.pi)),
)
def test_the_path_around_the_obstacle_is_a_taut_string(start, goal):
    """A string around the obstacle is the convex hull of both ends and the part of the circle on one side of them."""
    radius_m = 0.06
    start_2, goal_2 = (away * np.array([np.cos(angle), np.sin(angle)]) for away, angle in (start, goal))
    angles = np.linspace(-np.pi, np.pi, 2000)
    circle = radius_m * np.column_stack([np.cos(angles), np.sin(angles)])
    along_2 = goal_2 - start_2
    straight = float(np.hypot(*along_2))
    sides = along_2[0] * (circle - start_2)[:, 1] - along_2[1] * (circle - start_2)[:, 0]
    strings = [hull_perimeter([start_2, goal_2, *circle[sides * side > 0]]) - straight for side in (1, -1)]
    nearest_m = np.hypot(*(start_2 + np.linspace(0, 1, 2001)[:, None] * along_2).T).min()
    expected = straight if nearest_m >= radius_m - 1e-9 else min(strings)
    assert path_around(start_2[None], goal_2[None], radius_m)[0] == pytest.approx(expected, abs=3e-4)


def test_refuses_tasks_that_do_not_exist():
    with pytest.raises(InputError) as refused:
        require_environment("mujoco", "tabletop", tasks=("push_block", "juggle"))
    assert str(refused.value) == f"robots.tasks: expected some of {', '.join(NAMES)}, got juggle."


def test_other_environments_refuse_tasks_of_robots():
    with pytest.raises(InputError) as refused:
        require_environment("mujoco", "ant", tasks=("push_block",))
    assert str(refused.value) == "robots.tasks: expected none with task ant, got push_block."


def test_refuses_a_camera_without_colours():
    tree = CONTRACT.model_dump()
    tree["observation"]["camera"]["encoding"] = "mono8"
    with pytest.raises(InputError, match=r"camera\.encoding: expected rgb8 or bgr8, got mono8\.$"):
        Tabletop(validated(tree, RobotContract, source="tabletop.yaml"), 1)
