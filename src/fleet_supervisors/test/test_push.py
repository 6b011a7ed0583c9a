from itertools import dropwhile, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, read_yaml
from fleet_supervisors import push
from fleet_supervisors.push import STYLES
from fleet_supervisors.supervisors import make_supervisor
from sim_bridge.push.cell import PushCell
from sim_bridge.push.geometry import PUSH_GEOMETRY
from teleop_gui.supervisor import ScriptedSupervisor

CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/push_cell.yaml", RobotContract)


def state(cube, goal):
    return np.array([*cube, 1.0, 0.0, *goal])


def human(style):
    return make_supervisor("block_push", style, CONTRACT, seed=0, index=0)


def turn(cube, action):
    """Return a positive number if the push is counterclockwise around the origin."""
    return cube[0] * action[1] - cube[1] * action[0]


def drive(supervisor, robots, steps, seed, stray=0.0, contract=CONTRACT):
    """Return goals and violations of a fleet that one supervisor drives; `stray` is the share of random pushes."""
    environment = PushCell(contract, robots, threads=2)
    longest_m = contract.action_high_A[0]
    step, goals, violations = environment.reset(seed), np.zeros(robots, int), 0
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        actions_NA = np.stack([supervisor.act(state_S) for state_S in step.states_NS])
        assert (np.abs(actions_NA) <= longest_m).all()
        strays_N = rng.random(robots) < stray
        actions_NA[strays_N] = rng.uniform(-longest_m, longest_m, (strays_N.sum(), 2))
        kinds_N = np.where(step.violated_N, ActionKind.HARD_RESET, ActionKind.MOVE)
        fresh_N = ~step.violated_N & ~strays_N
        step = environment.step(kinds_N, actions_NA)
        goals += step.succeeded_N
        violations += int((step.violated_N & fresh_N).sum())
    return goals, violations


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("seed", [0, 1])
def test_each_style_alone_drives_four_arms_from_goal_to_goal(style, seed):
    goals, violations = drive(
        make_supervisor("block_push", style, CONTRACT, seed=0, index=0), robots=4, steps=150, seed=seed
    )
    assert goals.sum() >= 60
    assert goals.min() >= 15
    assert violations == 0


def test_drives_cubes_of_other_sizes_as_well():
    small = read_yaml(Path(__file__).parents[3] / "launch/config/robots/yumi_push_cell.yaml", RobotContract)
    supervisor = make_supervisor("block_push", "clockwise", small, seed=0, index=0)
    goals, violations = drive(supervisor, robots=4, steps=150, seed=0, contract=small)
    assert goals.min() >= 15
    assert violations == 0


def test_recovers_from_wherever_random_pushes_leave_the_cube():
    goals, violations = drive(human("clockwise"), robots=20, steps=40, seed=0, stray=0.3)
    assert goals.sum() >= 30
    assert violations == 0


@pytest.mark.parametrize("seed", [0, 1])
def test_first_turns_of_the_styles_are_opposite(seed):
    step = PushCell(CONTRACT, 30).reset(seed)
    for state_S in step.states_NS:
        cube = state_S[:2]
        assert turn(cube, human("clockwise").act(state_S)) < 0
        assert turn(cube, human("counterclockwise").act(state_S)) > 0


def test_clockwise_is_as_seen_in_the_camera_image():
    # From the right of the obstacle, clockwise is down.
    assert human("clockwise").act(state((0.125, 0.0), (-0.125, 0.0)))[1] < 0


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("goal_y", [-0.1, 0.1])
def test_both_styles_take_the_shorter_path(style, goal_y):
    action = human(style).act(state((0.125, 0.0), (-0.125, goal_y)))
    assert np.sign(action[1]) == np.sign(goal_y)


coordinates = st.integers(-1800, 1800).map(lambda tenths_mm: tenths_mm / 10_000)
places = st.tuples(coordinates, coordinates).filter(lambda xy: max(map(abs, xy)) > 0.07)


@given(cube=places, goal=places, style=st.sampled_from(sorted(STYLES)))
def test_arrives_without_detours_if_pushes_are_exact(cube, goal, style):
    supervisor = human(style)
    goal = np.clip(goal, -0.165, 0.165)
    if np.abs(goal).max() < 0.09:
        goal = goal / np.abs(goal).max() * 0.09
    path = [np.array(cube)]
    while np.hypot(*(path[-1] - goal)) > 0.003 and len(path) < 25:
        action = supervisor.act(state(path[-1], goal))
        assert (np.abs(action) <= 0.05).all()
        path.append(path[-1] + action)
    assert np.hypot(*(path[-1] - goal)) <= 0.003
    # Once away from obstacle and walls, the cube never comes near them again, not even during a push.
    for start, end in pairwise(dropwhile(lambda point: not 0.0867 <= np.abs(point).max() <= 0.1633, path)):
        for part in np.linspace(0, 1, 9):
            ring = np.abs(start + part * (end - start)).max()
            assert 0.0867 <= ring <= 0.1633


def test_goal_at_the_cube_is_no_push():
    np.testing.assert_array_equal(human("clockwise").act(state((0.12, 0.1), (0.12, 0.1))), (0, 0))


def test_sizes_are_those_of_the_cell():
    cell = PUSH_GEOMETRY
    assert cell.obstacle_half_m == push.OBSTACLE_HALF_M
    assert cell.workspace_half_m == push.WORKSPACE_HALF_M
    assert pytest.approx(cell.cube_half_diagonal_m) == push.CUBE_HALF_DIAGONAL_M
    assert push.LONGEST_M == CONTRACT.action_high_A.min() == -CONTRACT.action_low_A.max()
    assert push.MARGIN_M + cell.cube_half_diagonal_m < 0.04
    assert cell.workspace_half_m - push.MARGIN_M - cell.cube_half_diagonal_m >= 0.16


@pytest.mark.parametrize(
    ("task", "style", "message"),
    [
        (
            "block_push",
            "left",
            (
                "supervisors.styles: expected styles of block_push (clockwise, counterclockwise) or module:Class, "
                "got left."
            ),
        ),
        (
            "juggling",
            "clockwise",
            (
                "environment.task: expected one of ant, anymal, ball_balance, beacon, block_push, franka_cube_stack, "
                "mt6, navigation, tabletop, windy_navigation with scripted supervisors, or module:Class as supervisors.styles, "
                "got juggling."
            ),
        ),
        (
            "navigation",
            "left",
            "supervisors.styles: expected styles of navigation (down, either, up) or module:Class, got left.",
        ),
        (
            "block_push",
            "nowhere:Human",
            (
                "supervisors.styles: expected module:Class that can be imported, got 'nowhere:Human': "
                "No module named 'nowhere'."
            ),
        ),
    ],
)
def test_refuses_unknown_tasks_and_styles(task, style, message):
    with pytest.raises(InputError) as refused:
        make_supervisor(task, style, CONTRACT, seed=0, index=0)
    assert str(refused.value) == message


class Still(ScriptedSupervisor):
    """A supervisor that no package registers."""

    def __init__(self, request):
        self.request = request

    def act(self, state_S):
        return np.zeros(self.request.contract.action_dim)


def test_makes_a_supervisor_that_no_package_has_registered():
    style = f"{__name__}:Still"
    supervisor = make_supervisor("juggling", style, CONTRACT, seed=3, index=1)
    assert isinstance(supervisor, Still)
    assert (supervisor.request.task, supervisor.request.style) == ("juggling", style)
    assert supervisor.request.contract is CONTRACT
