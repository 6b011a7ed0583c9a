from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, read_yaml, validated
from sim_bridge.backends import make_environment
from sim_bridge.conformance import EnvironmentConformance
from sim_bridge.maze.environment import HORIZON, WIND, Maze
from sim_bridge.maze.layout import MAZE_LAYOUT as LAYOUT

CONFIG = Path(__file__).parents[3] / "launch/config/robots"
CONTRACT = read_yaml(CONFIG / "pointbot.yaml", RobotContract)
PUSH_CELL = read_yaml(CONFIG / "push_cell.yaml", RobotContract)


def maze_at(poses_N2, wind=0.0) -> Maze:
    """Return a maze with robots at these positions."""
    poses_N2 = np.asarray(poses_N2, float)
    environment = Maze(CONTRACT, len(poses_N2), wind)
    environment._poses_N2[:] = poses_N2
    return environment


def move(environment: Maze, actions_NA):
    return environment.step(np.full(environment.robots, ActionKind.MOVE), np.asarray(actions_NA, float))


def distance_to_walls(points_T2):
    """Return the distance from each point to the nearest wall, 0 inside of it."""
    walls_R4 = np.array(LAYOUT.walls)
    beyond_TR2 = np.maximum(walls_R4[:, :2] - points_T2[:, None], points_T2[:, None] - walls_R4[:, 2:])
    return np.hypot(*np.moveaxis(np.maximum(beyond_TR2, 0.0), -1, 0)).min(axis=1)


def nearest(numbers):
    """Round to integers, halves upwards, in decimal arithmetic."""
    whole = [
        int(Decimal(number).quantize(Decimal(1), ROUND_HALF_DOWN if number < 0 else ROUND_HALF_UP))
        for number in numbers
    ]
    return np.array(whole, float)


def is_free(points_T2):
    return distance_to_walls(np.asarray(points_T2, float)) > 0


class TestNavigationConforms(EnvironmentConformance):
    steps_to_violate = 1000
    random = False
    time_limit = HORIZON
    task = "navigation"

    def make(self, robots: int) -> Maze:
        return make_environment("numpy", self.task, CONTRACT, robots)


class TestWindyNavigationConforms(TestNavigationConforms):
    task = "windy_navigation"


def test_exactly_two_paths_around_the_obstacle_lead_from_start_to_goal():
    cells = [(x, y) for x in range(LAYOUT.columns) for y in range(LAYOUT.rows)]
    free = {cell for cell, is_free_here in zip(cells, is_free(cells), strict=True) if is_free_here}
    middle = round((LAYOUT.obstacle.x_low + LAYOUT.obstacle.x_high) / 2)
    above = {(x, y) for x, y in free if x == middle and y > LAYOUT.obstacle.y_high}
    below = {(x, y) for x, y in free if x == middle and y < LAYOUT.obstacle.y_low}

    def reaches(allowed) -> bool:
        reached, new = set(), {LAYOUT.start}
        while new:
            reached |= new
            beside = {(x + dx, y + dy) for x, y in new for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))}
            new = (beside & allowed) - reached
        return LAYOUT.goal in reached

    assert reaches(free)
    assert reaches(free - above)
    assert reaches(free - below)
    assert not reaches(free - above - below)
    assert len(above) == len(below)


def test_the_wind_blows_in_the_corridor_and_nowhere_near_its_ends():
    first, last = LAYOUT.windy
    assert LAYOUT.below_corridor.x_low == LAYOUT.above_corridor.x_low < first - 40
    assert last < LAYOUT.goal[0] - 15
    assert LAYOUT.below_corridor.y_high < LAYOUT.start[1] == LAYOUT.goal[1] < LAYOUT.above_corridor.y_low


def test_walls_end_between_cells():
    edges = {edge for wall in LAYOUT.walls for edge in wall if -0.5 <= edge <= LAYOUT.columns}
    assert {edge % 1 for edge in edges} == {0.5}


steps = st.floats(-1, 1)


@settings(max_examples=300)
@given(data=st.data(), wall=st.sampled_from(LAYOUT.walls), dx=steps, dy=steps, windy=st.booleans())
def test_a_move_violates_if_and_only_if_it_touches_a_wall_on_its_path(data, wall, dx, dy, windy):
    x = data.draw(st.integers(max(int(wall.x_low) - 2, 0), min(int(wall.x_high) + 2, 159)))
    y = data.draw(st.integers(max(int(wall.y_low) - 2, 0), min(int(wall.y_high) + 2, 50)))
    start_2, action_2 = np.array([x, y], float), np.array([dx, dy])
    assume(is_free([start_2])[0])
    assume(np.hypot(*(start_2 - LAYOUT.goal)) > 4)
    environment = maze_at([start_2], WIND if windy else 0.0)
    blown_2 = nearest(action_2 + np.array([0.0, 0.75 if windy and 114.5 <= x < 134.5 else 0.0]))
    violated = move(environment, [action_2]).violated_N[0]

    end_2, parts_T = environment._poses_N2[0], np.linspace(0, 1, 2001)
    away_T = distance_to_walls(start_2 + parts_T[:, None] * blown_2)
    if not violated:
        assert (away_T > 0).all()
        np.testing.assert_allclose(end_2, start_2 + blown_2, rtol=0, atol=1e-12)
        return
    whole, done = np.hypot(*blown_2), np.hypot(*(end_2 - start_2))
    np.testing.assert_allclose(end_2 * whole, start_2 * whole + done * blown_2, rtol=0, atol=1e-9)
    assert distance_to_walls(end_2[None])[0] < 1e-9
    assert (away_T[parts_T * whole < done - 1e-9] > 0).all(), "it touches before it stops"


@pytest.mark.parametrize(
    ("pose", "action", "touches"),
    [
        ((69.0, 17.5), (1.0, 0.0), True),
        ((69.0, 32.5), (0.5, -0.0), True),
        ((17.5, 37.0), (0.0, -1.0), True),
        ((54.5, 37.0), (-0.0, -1.0), True),
        ((69.0, 17.5), (0.25, 0.0), False),
        ((69.0, 17.5), (-1.0, 0.0), False),
        ((60.0, 17.5), (1.0, -0.0), False),
        ((17.5, 37.0), (0.0, 1.0), False),
        ((69.0, 17.5), (0.0, 0.0), False),
    ],
)
def test_moves_along_the_line_of_an_edge_touch_where_the_edge_begins(pose, action, touches):
    first_touch = LAYOUT.first_touch(np.array([pose]), np.array([action]))[0]
    assert (first_touch <= 1) == touches


def test_the_wind_shifts_moves_that_begin_in_its_segment_and_no_others():
    rng = np.random.default_rng(0)
    poses_N2 = np.column_stack([rng.integers(75, 151, 3000), rng.integers(20, 31, 3000)]).astype(float)
    poses_N2[:4, 0] = (114, 115, 134, 135)
    actions_NA = rng.uniform(-1, 1, (3000, 2))
    calm, windy = maze_at(poses_N2), maze_at(poses_N2, WIND)
    assert not (move(calm, actions_NA).violated_N | move(windy, actions_NA).violated_N).any()
    np.testing.assert_array_equal(calm._poses_N2, poses_N2 + np.floor(actions_NA + 0.5))
    inside_N = (poses_N2[:, 0] > LAYOUT.windy[0]) & (poses_N2[:, 0] < LAYOUT.windy[1])
    np.testing.assert_array_equal(inside_N[:4], [False, True, True, False])
    blown_NA = actions_NA + np.outer(inside_N, (0, 0.75))
    np.testing.assert_array_equal(windy._poses_N2, poses_N2 + np.floor(blown_NA + 0.5))


@pytest.mark.parametrize(("dy", "rises"), [(1.0, 2), (0.74, 1), (0.0, 1), (-0.24, 1), (-0.26, 0), (-1.0, 0)])
def test_against_the_wind_a_robot_holds_its_row_and_comes_no_lower(dy, rises):
    environment = maze_at([(120.0, 25.0)], WIND)
    move(environment, [(0.0, dy)])
    assert environment._poses_N2.tolist() == [[120.0, 25.0 + rises]]


@pytest.mark.parametrize("action", [(0.0, 0.0), (0.49, -0.5), (-0.49, 0.3), (0.0, 0.06)])
def test_less_than_half_a_cell_is_no_move(action):
    environment = maze_at([(15.0, 25.0)])
    for _ in range(20):
        move(environment, [action])
    assert environment._poses_N2.tolist() == [[15.0, 25.0]]


def test_the_wind_shifts_only_robots_that_move():
    environment = maze_at([(125.0, 25.0), (125.0, 25.0)], WIND)
    environment.step(np.array([ActionKind.HOLD, ActionKind.MOVE]), np.zeros((2, 2)))
    np.testing.assert_array_equal(environment._poses_N2, [(125.0, 25.0), (125.0, 26.0)])


def test_without_steering_the_wind_drives_a_robot_into_the_upper_wall():
    environment = maze_at([(115.0, 25.0)], WIND)
    for _ in range(7):
        assert not move(environment, [(1.0, 0.0)]).violated_N.any()
    step = move(environment, [(1.0, 0.0)])
    assert step.violated_N.all()
    assert environment._poses_N2[0, 1] == LAYOUT.above_corridor.y_low


@pytest.mark.parametrize(
    ("pose", "action"),
    [((0.0, 1.0), (-1, 0)), ((159.0, 25.0), (1, 0)), ((1.0, 0.0), (0, -1)), ((1.0, 50.0), (0.3, 1))],
)
def test_at_the_outer_wall_a_robot_observes_a_cell_of_the_maze(pose, action):
    step = move(maze_at([pose]), [action])
    assert step.violated_N.all()
    assert ((step.states_NS >= 0) & (step.states_NS <= (159, 50))).all()


def test_the_goal_succeeds_and_the_robot_begins_again_at_the_start():
    x, y = LAYOUT.goal
    environment = maze_at([(x - 3, y), (x - 4, y), (x, y + 3), (x + 1, y)])
    step = environment.step(
        np.array([ActionKind.MOVE, ActionKind.MOVE, ActionKind.MOVE, ActionKind.HOLD]),
        np.array([(1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 0.0)]),
    )
    np.testing.assert_array_equal(step.succeeded_N, [True, False, True, False])
    np.testing.assert_array_equal(step.terminated_N, step.succeeded_N)
    assert not step.truncated_N.any()
    np.testing.assert_array_equal(step.rewards_N, [1, 0, 1, 0])
    np.testing.assert_array_equal(step.states_NS[step.succeeded_N], [LAYOUT.start] * 2)
    assert not step.violated_N.any()


def test_an_episode_is_truncated_after_its_moves_and_the_next_has_as_many():
    environment = maze_at([(8.0, 25.0), (30.0, 43.0)])
    sway = np.array([(0.0, 1.0), (0.0, -1.0)])
    for _ in range(2):
        for number in range(1, HORIZON + 1):
            environment.step(np.full(2, ActionKind.HOLD), np.zeros((2, 2)))
            step = move(environment, np.tile(sway[number % 2], (2, 1)))
            assert step.truncated_N.tolist() == [number == HORIZON] * 2
            assert not step.terminated_N.any()
        assert not (step.succeeded_N | step.violated_N).any()
        assert not step.rewards_N.any()
        np.testing.assert_array_equal(environment._poses_N2, [LAYOUT.start] * 2)


def test_a_robot_that_touches_a_wall_with_its_last_move_waits_for_its_hard_reset():
    environment = maze_at([(17.0, 25.0)])
    environment._moves_N[:] = HORIZON - 1
    for _ in range(3):
        step = move(environment, [(1.0, 0.0)])
        assert step.violated_N.all()
        assert not (step.terminated_N | step.truncated_N).any()
    step = environment.step(np.array([ActionKind.HARD_RESET]), np.zeros((1, 2)))
    assert step.terminated_N.all()
    assert not (step.truncated_N | step.violated_N).any()
    assert not move(environment, [(1.0, 0.0)]).episode_over_N.any(), "the episode is a new one"


def test_a_robot_that_reaches_the_goal_with_its_last_move_is_terminated_and_not_truncated():
    x, y = LAYOUT.goal
    environment = maze_at([(x - 3, y), (x - 8, y)])
    environment._moves_N[:] = HORIZON - 1
    step = move(environment, [(1.0, 0.0)] * 2)
    assert step.succeeded_N.tolist() == step.terminated_N.tolist() == [True, False]
    assert step.truncated_N.tolist() == [False, True]


def test_every_episode_begins_at_the_start():
    environment = maze_at([(30.0, 43.0), (8.0, 25.0)])
    step = environment.step(np.array([ActionKind.HARD_RESET, ActionKind.MOVE]), np.ones((2, 2)))
    np.testing.assert_array_equal(step.states_NS, [LAYOUT.start, (9.0, 26.0)])
    np.testing.assert_array_equal(environment.reset(5).states_NS, [LAYOUT.start] * 2)


def edited(*place, value) -> RobotContract:
    """Return the contract with one value changed."""
    tree = CONTRACT.model_dump()
    at = tree
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    return validated(tree, RobotContract, source="pointbot.yaml")


STATE, ACTION = ("observation", "state", "quantities"), ("action", "quantities")


@pytest.mark.parametrize(
    ("contract", "message"),
    [
        (
            edited(*STATE, 0, "name", value="row"),
            "observation.state.quantities: expected exactly x, y, got row, y.",
        ),
        (edited(*ACTION, 1, "name", value="dz"), "action.quantities: expected exactly dx, dy, got dx, dz."),
        (edited(*STATE, 1, "unit", value="m"), "y: expected unit '1', got 'm'."),
        (edited(*ACTION, 0, "unit", value="m"), "dx: expected unit '1', got 'm'."),
        (
            edited(*STATE, 0, "high", value=158.0),
            "x: expected a range that contains 0.0 to 159.0, got 0.0 to 158.0.",
        ),
        (edited(*STATE, 1, "low", value=1.0), "y: expected a range that contains 0.0 to 50.0, got 1.0 to 50.0."),
        (edited("action", "meaning", value="twist"), "action.meaning: expected displacement, got twist."),
        (
            edited("observation", "camera", value=PUSH_CELL.observation.camera.model_dump()),
            "observation.camera: expected none in the maze, got one.",
        ),
    ],
)
def test_refuses_another_contract(contract, message):
    with pytest.raises(InputError) as refused:
        Maze(contract, 1, wind=0.0)
    assert str(refused.value) == f"robot pointbot: {message}"


def test_refuses_to_have_no_robots():
    with pytest.raises(ValueError, match="robots: expected 1 or more, got 0"):
        Maze(CONTRACT, 0, wind=0.0)
