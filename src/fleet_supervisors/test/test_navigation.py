from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml
from fleet_supervisors import navigation as constants
from fleet_supervisors.navigation import STYLES, NavigationSupervisor
from fleet_supervisors.supervisor_request import SupervisorRequest
from fleet_supervisors.supervisors import make_supervisor
from sim_bridge.backends import make_environment
from sim_bridge.episodes import act_by_state, drive_until_over
from sim_bridge.maze.layout import MAZE_LAYOUT as LAYOUT

CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/pointbot.yaml", RobotContract)
TASKS = ("navigation", "windy_navigation")
MIDDLE_Y = LAYOUT.start[1]
FREE_CELLS = np.array(
    [
        (x, y)
        for x in range(LAYOUT.columns)
        for y in range(LAYOUT.rows)
        if not any(wall.x_low < x < wall.x_high and wall.y_low < y < wall.y_high for wall in LAYOUT.walls)
    ],
    dtype=float,
)


class Driven:
    """One episode of each of many robots, each with a supervisor of its own."""

    def __init__(self, task, supervisors, poses_N2=None, seed=0) -> None:
        robots = len(supervisors)
        environment = make_environment("numpy", task, CONTRACT, robots)
        step = environment.reset(seed)
        if poses_N2 is not None:
            environment._poses_N2[:] = poses_N2
            step = environment.step(np.full(robots, ActionKind.HOLD), np.zeros((robots, 2)))
        self.succeeded_N, self.violated_N = np.zeros(robots, bool), np.zeros(robots, bool)
        self.above_N, self.below_N = np.zeros(robots, bool), np.zeros(robots, bool)
        self.moves = 0
        act = act_by_state([supervisor.act for supervisor in supervisors], 2)
        for transition in drive_until_over(environment, step, act):
            after, driven_N = transition.after, transition.driven_N
            self.moves += 1
            self.succeeded_N |= after.succeeded_N
            self.violated_N |= after.violated_N
            passing_N = (after.states_NS[:, 0] == 36) & driven_N
            self.above_N |= passing_N & (after.states_NS[:, 1] > MIDDLE_Y)
            self.below_N |= passing_N & (after.states_NS[:, 1] < MIDDLE_Y)


class Remembered:
    """A supervisor with precomputed actions of every cell, which is possible because supervisors are stateless."""

    def __init__(self, style) -> None:
        supervisor = make_supervisor("navigation", style, CONTRACT, 0, 0)
        self._actions = {tuple(cell): supervisor.act(cell) for cell in FREE_CELLS}

    def act(self, state_S):
        return self._actions[tuple(state_S)]


def humans(style, count, seed=0):
    return [make_supervisor("navigation", style, CONTRACT, seed, index) for index in range(count)]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("style", STYLES)
def test_each_style_always_reaches_the_goal_from_the_start(task, style):
    driven = Driven(task, humans(style, 60), seed=1)
    assert driven.succeeded_N.all()
    assert not driven.violated_N.any()
    assert driven.moves < 180
    assert (driven.above_N ^ driven.below_N).all()
    if style != "either":
        assert driven.above_N.all() == (style == "up")


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("style", STYLES)
def test_recovers_from_every_free_cell(task, style):
    driven = Driven(task, [Remembered(style)] * len(FREE_CELLS), FREE_CELLS)
    np.testing.assert_array_equal(FREE_CELLS[~driven.succeeded_N], np.zeros((0, 2)))
    assert not driven.violated_N.any()


def test_either_goes_up_as_often_as_down():
    driven = Driven("navigation", humans("either", 400))
    assert 160 < driven.above_N.sum() < 240
    assert 160 < driven.below_N.sum() < 240


def test_either_chooses_again_in_every_episode_of_a_run():
    supervisor = make_supervisor("navigation", "either", CONTRACT, seed=0, index=0)
    paths = [bool(Driven("navigation", [supervisor]).above_N[0]) for _ in range(20)]
    assert 4 < sum(paths) < 16
    assert any(path == following for path, following in pairwise(paths))


def test_the_same_seed_and_index_make_the_same_choices_and_others_make_others():
    def choices(seed, index):
        supervisor = make_supervisor("windy_navigation", "either", CONTRACT, seed, index)
        return [supervisor.act(np.array([15.0, 25.0]))[1] for _ in range(30)]

    assert choices(3, 1) == choices(3, 1)
    assert set(choices(3, 1)) == {-1.0, 1.0}
    assert len({tuple(choices(seed, index)) for seed in (3, 4) for index in (0, 1, 2)}) == 6


@pytest.mark.parametrize("y", [14.0, 24.0, 26.0, 36.0])
def test_either_keeps_to_the_side_where_the_robot_is(y):
    for supervisor in humans("either", 20):
        assert supervisor.act(np.array([16.0, y]))[1] == np.sign(y - MIDDLE_Y)


@pytest.mark.parametrize(("style", "dy"), [("up", 1.0), ("down", -1.0)])
@pytest.mark.parametrize("y", [10.0, 20.0, 25.0, 30.0, 40.0])
def test_before_the_obstacle_up_and_down_take_their_path_from_both_sides(style, dy, y):
    assert make_supervisor("navigation", style, CONTRACT, 0, 0).act(np.array([15.0, y]))[1] * dy >= 0


def test_beside_the_obstacle_no_style_turns_back():
    for style in STYLES:
        supervisor = make_supervisor("navigation", style, CONTRACT, 0, 0)
        for y in (2.0, 7.0, 43.0, 48.0):
            assert supervisor.act(np.array([30.0, y]))[0] == 1.0


def test_no_random_number_is_drawn_without_a_choice():
    generator = np.random.default_rng(0)
    before = generator.bit_generator.state
    supervisor = NavigationSupervisor(SupervisorRequest("navigation", "either", CONTRACT, generator))
    for cell in ((8.0, 25.0), (15.0, 26.0), (30.0, 43.0), (120.0, 25.0)):
        supervisor.begin()
        supervisor.act(np.array(cell))
    assert generator.bit_generator.state == before


def test_constants_are_those_of_the_maze():
    assert LAYOUT.start[1] == constants.MIDDLE_Y
    assert LAYOUT.goal == (constants.GOAL_X, constants.MIDDLE_Y)
    assert LAYOUT.obstacle.x_low == constants.OBSTACLE_X - 0.5
    assert LAYOUT.obstacle.x_low - constants.FORK_X > 2
    assert LAYOUT.obstacle.x_high == constants.BEHIND_X - 0.5
    assert LAYOUT.above_corridor.x_low == constants.CORRIDOR_X - 0.5
    assert constants.BEHIND_X < constants.MEETING_X < constants.CORRIDOR_X
    assert constants.MIDDLE_Y + constants.CLEAR - LAYOUT.obstacle.y_high > 3
    assert CONTRACT.action_high_A.min() == -CONTRACT.action_low_A.max() == constants.MAX_STEP
