from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, read_yaml
from sim_bridge.conformance import EnvironmentConformance
from sim_bridge.push.cell import MujocoPush, PushCell
from sim_bridge.push.geometry import PUSH_GEOMETRY as CELL
from sim_bridge.push.plan import SHORTEST_PUSH_M, askew_after, plan_pushes
from sim_bridge.push.task import PushTask

CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/push_cell.yaml", RobotContract)
HALF_CUBE_M = CELL.cube_side_m / 2


def blind() -> RobotContract:
    return CONTRACT.model_copy(update={"observation": CONTRACT.observation.model_copy(update={"camera": None})})


def changed(**camera) -> RobotContract:
    new = CONTRACT.observation.camera.model_copy(update=camera)
    return CONTRACT.model_copy(update={"observation": CONTRACT.observation.model_copy(update={"camera": new})})


def cells_at(poses_N3, goals_N2=None) -> PushCell:
    """Return push cells whose cubes are at these poses, and whose goals are at these positions or opposite."""
    poses_N3 = np.asarray(poses_N3, float)
    environment = PushCell(CONTRACT, len(poses_N3), threads=2)
    environment._physics.place(np.arange(len(poses_N3)), poses_N3)
    environment._task.set_goals(np.arange(len(poses_N3)), poses_N3[:, :2])
    if goals_N2 is not None:
        environment._task.goals_N2[:] = goals_N2
    return environment


def push(environment: PushCell, actions_NA):
    return environment.step(np.full(environment.robots, ActionKind.MOVE), np.asarray(actions_NA, float))


class TestPushCellConforms(EnvironmentConformance):
    def make(self, robots: int) -> PushCell:
        return PushCell(CONTRACT, robots, threads=2)


class TestSmallerPushCellConforms(EnvironmentConformance):
    def make(self, robots: int) -> PushCell:
        contract = read_yaml(Path(__file__).parents[3] / "launch/config/robots/yumi_push_cell.yaml", RobotContract)
        return PushCell(contract, robots, threads=2)


def test_threads_do_not_change_the_run():
    actions_TNA = np.random.default_rng(0).uniform(-0.05, 0.05, (10, 5, 2))
    one, two = (PushCell(CONTRACT, 5, threads) for threads in (1, 2))
    for actions_NA in actions_TNA:
        np.testing.assert_array_equal(push(one, actions_NA).states_NS, push(two, actions_NA).states_NS)


def test_free_pushes_move_the_cube_by_the_action():
    rng = np.random.default_rng(0)
    count = 200
    physics = MujocoPush(count, 2)
    angles, lengths = rng.uniform(-np.pi, np.pi, count), rng.uniform(0.005, 0.05 * 2**0.5, count)
    along_N2 = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    # Outside of the workspace, where nothing is in the way.
    start_N3 = np.column_stack([np.full(count, 0.5), np.zeros(count), rng.uniform(-np.pi, np.pi, count)])
    physics.place(np.arange(count), start_N3)
    touched_N = physics.push(np.arange(count), plan_pushes(start_N3, lengths[:, None] * along_N2))
    moved_N2 = physics.poses()[:, :2] - start_N3[:, :2]
    short_N = lengths - np.sum(moved_N2 * along_N2, axis=1)
    aside_N = moved_N2[:, 0] * along_N2[:, 1] - moved_N2[:, 1] * along_N2[:, 0]
    assert not touched_N.any()
    assert abs(short_N.mean()) < 0.0005
    assert abs(short_N).mean() < 0.001
    assert abs(short_N).max() < 0.008
    assert abs(aside_N).mean() < 0.002
    assert np.hypot(short_N, aside_N).mean() < 0.002
    assert physics.upright().min() > 0.999


@pytest.mark.parametrize(
    ("pose", "action"),
    [
        ((0.165, 0.0, 0.0), (0.05, 0.0)),
        ((-0.165, 0.05, 0.7), (-0.05, 0.0)),
        ((0.02, 0.16, 0.3), (0.0, 0.05)),
        ((0.02, -0.16, 0.3), (0.01, -0.05)),
        ((0.09, 0.0, 0.0), (-0.05, 0.0)),
        ((-0.03, -0.09, 1.0), (0.0, 0.05)),
    ],
)
def test_touching_a_wall_or_the_obstacle_violates(pose, action):
    environment = cells_at([pose])
    step = push(environment, [action])
    assert step.violated_N.all()
    assert not step.succeeded_N.any()
    assert not environment._task.outside(environment._physics.poses()[:, :2]).any()


@pytest.mark.parametrize(
    ("pose", "action"),
    [((0.083, 0.028, 0.274), (-0.049, 0.029)), ((0.088, 0.023, 0.373), (-0.047, 0.038))],
)
def test_a_brief_touch_violates_even_where_the_cube_ends_clear_of_everything(pose, action):
    # The cube glances off the obstacle's corner and moves on past it.
    environment = cells_at([pose])
    step = push(environment, [action])
    beside_2 = np.maximum(np.abs(step.states_NS[0, :2]) - CELL.obstacle_half_m, 0.0)
    assert np.hypot(*beside_2) > CELL.cube_half_diagonal_m + 0.01
    assert np.abs(step.states_NS[0, :2]).max() < CELL.placed_farthest_m
    assert step.violated_N.all()


def test_pushing_away_from_a_wall_does_not_violate():
    near = CELL.workspace_half_m - HALF_CUBE_M - 0.001
    environment = cells_at([(near, 0.0, 0.0), (0.0, -near, 0.0), (CELL.obstacle_half_m + HALF_CUBE_M + 0.001, 0, 0)])
    step = push(environment, [(-0.05, 0.0), (0.0, 0.05), (0.05, 0.0)])
    assert not step.violated_N.any()


def test_a_violating_push_never_succeeds():
    environment = cells_at([(0.165, 0.0, 0.0)], goals_N2=[(0.17, 0.0)])
    step = push(environment, [(0.05, 0.0)])
    assert step.violated_N.all()
    assert not step.succeeded_N.any()
    assert not step.rewards_N.any()
    np.testing.assert_array_equal(step.states_NS[0, 4:], (0.17, 0.0))


def test_a_toppled_cube_is_a_violation():
    environment = cells_at([(0.125, 0.0, 0.0)])
    environment._physics.upright = lambda: np.array([0.0])
    assert push(environment, [(0.02, 0.0)]).violated_N.all()


def test_in_the_goal_succeeds_and_puts_the_next_goal_opposite():
    environment = cells_at([(0.125, -0.02, 0.1), (0.125, 0.0, 0.0)], goals_N2=[(0.125, 0.03), (-0.125, 0.0)])
    step = push(environment, [(0.0, 0.04), (0.0, 0.04)])
    np.testing.assert_array_equal(step.succeeded_N, [True, False])
    np.testing.assert_array_equal(step.terminated_N, [True, False])
    assert not step.truncated_N.any()
    np.testing.assert_array_equal(step.rewards_N, [1.0, 0.0])
    np.testing.assert_allclose(step.states_NS[0, 4:], -step.states_NS[0, :2])
    np.testing.assert_array_equal(step.states_NS[1, 4:], (-0.125, 0.0))


@pytest.mark.parametrize("shortfall", [0.0, 1e-4])
def test_a_tiny_push_is_no_push(shortfall):
    environment = cells_at([(0.125, 0.0, 0.2)], goals_N2=[(0.125, 0.0)])
    before = environment.reset(0)
    step = push(environment, [(0.0 if not shortfall else SHORTEST_PUSH_M - shortfall, 0.0)])
    np.testing.assert_array_equal(step.states_NS, before.states_NS)
    assert not step.succeeded_N.any()


def test_random_pushes_reach_few_goals_and_violate_often():
    environment = PushCell(CONTRACT, 20, threads=2)
    rng = np.random.default_rng(0)
    step, goals, violations = environment.reset(0), 0, 0
    for _ in range(30):
        kinds_N = np.where(step.violated_N, ActionKind.HARD_RESET, ActionKind.MOVE)
        fresh_N = ~step.violated_N
        step = environment.step(kinds_N, rng.uniform(-0.05, 0.05, (20, 2)))
        goals += int(step.succeeded_N.sum())
        violations += int((step.violated_N & fresh_N).sum())
    assert goals <= 5
    assert violations >= 40


def test_robots_and_seeds_start_differently():
    environment = PushCell(CONTRACT, 3)
    states_NS = np.vstack([environment.reset(seed).states_NS for seed in range(4)])
    assert len(np.unique(states_NS, axis=0)) == 12


def test_hard_resets_use_all_sides():
    environment = PushCell(CONTRACT, 1)
    sides = set()
    for _ in range(40):
        step = environment.step(np.array([ActionKind.HARD_RESET]), np.zeros((1, 2)))
        cube, goal = step.states_NS[0, :2], step.states_NS[0, 4:]
        np.testing.assert_allclose(goal, -cube)
        axis = int(np.argmax(np.abs(cube)))
        sides.add((axis, bool(cube[axis] > 0)))
    assert len(sides) == 4


positions = st.floats(-0.182, 0.182)


@given(x=positions, y=positions)
def test_goals_are_opposite_and_leave_room_for_the_cube(x, y):
    if max(abs(x), abs(y)) < CELL.obstacle_half_m:
        return
    task = PushTask(1)
    task.set_goals(np.array([0]), np.array([[x, y]]))
    goal_2 = task.goals_N2[0]
    assert goal_2[0] * x <= 0
    assert goal_2[1] * y <= 0
    assert abs(goal_2[0] * y - goal_2[1] * x) < 1e-12
    ring = np.abs(goal_2).max()
    assert CELL.placed_nearest_m - 1e-9 <= ring <= CELL.placed_farthest_m + 1e-9


@given(askew=st.floats(0, np.pi / 4), near=st.floats(0, 0.08), farther=st.floats(0, 0.08))
def test_a_pushed_cube_only_turns_towards_the_pusher(askew, near, farther):
    start, some, more = (
        float(askew_after(np.array([askew]), np.array([pushed]), CELL.cube_half_diagonal_m)[0])
        for pushed in (0.0, near, near + farther)
    )
    assert start == pytest.approx(askew, abs=1e-9)
    assert -1e-9 <= more <= some + 1e-9 <= start + 2e-9


@given(yaw=st.floats(-7, 7), angle=st.floats(-np.pi, np.pi), length=st.floats(SHORTEST_PUSH_M, 0.07))
def test_pusher_is_set_down_behind_the_cube_and_clear_of_it(yaw, angle, length):
    along_2 = np.array([np.cos(angle), np.sin(angle)])
    plan = plan_pushes(np.array([[0.1, 0.1, yaw]]), length * along_2[None])
    corners = np.array([(x, y) for x in (-1, 1) for y in (-1, 1)]) * HALF_CUBE_M
    turned = corners @ np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
    rearmost = (turned @ along_2).min()
    face = (plan.starts_I2[0] - (0.1, 0.1)) @ along_2 + CELL.pusher_half_thickness_m
    assert 0.001 < rearmost - face < 0.003
    path_T4 = plan.path(0.004)[0]
    assert np.abs(np.diff(path_T4[:, :2], axis=0)).max() < 0.003
    farthest = ((path_T4[:, :2] - plan.starts_I2[0]) @ along_2).max()
    assert farthest == pytest.approx(plan.travels_I[0])


def test_cube_and_goal_are_where_the_camera_matrix_projects_them():
    environment = cells_at([(0.12, 0.09, 0.3), (-0.1, -0.13, 0.0)])
    matrix, states_NS = environment.camera_matrix(), environment.reset(0).states_NS
    images = environment.images().astype(int)
    for image, state_S in zip(images, states_NS, strict=True):
        red, green, blue = np.moveaxis(image, -1, 0)
        for mask, (x, y), height in (
            (blue > 150 + 0 * red, state_S[:2], CELL.cube_side_m),
            (green > red + 40, state_S[4:], 0.0),
        ):
            seen = mask & ((blue > red + 80) if height else (green > blue + 40))
            row, column = np.argwhere(seen).mean(axis=0)
            depth = CELL.camera_height_m - height
            expected = matrix @ (x, -y, depth) / depth
            assert np.hypot(column - expected[0], row - expected[1]) < 1.0


@pytest.mark.parametrize(("width", "height"), [(64, 64), (160, 120), (48, 96), (1000, 700)])
def test_other_image_sizes_show_the_whole_workspace(width, height):
    environment = PushCell(changed(width=width, height=height), 1)
    image = environment.images()[0]
    assert image.shape == (height, width, 3)
    matrix, half = environment.camera_matrix(), CELL.workspace_half_m + CELL.wall_m / 2
    for x, y in ((half, 0), (-half, 0), (0, half), (0, -half)):
        depth = CELL.camera_height_m - CELL.rim_height_m
        column, row, _ = np.rint(matrix @ (x, -y, depth) / depth).astype(int)
        assert np.ptp(image[row, column].astype(int)) < 20
        assert image[row, column].max() < 180
    environment.close()


def test_encodings():
    rgb, bgr = PushCell(changed(encoding="rgb8"), 1).images(), PushCell(changed(encoding="bgr8"), 1).images()
    np.testing.assert_array_equal(rgb[..., ::-1], bgr)


def edited(part: str, index: int, **changes) -> RobotContract:
    """Return the contract with one quantity changed."""
    tree = CONTRACT.model_dump()
    section = tree["observation"]["state"] if part == "state" else tree["action"]
    section["quantities"][index].update(changes)
    tree["operation"] = None
    return RobotContract.model_validate(tree)


@pytest.mark.parametrize(
    ("contract", "message"),
    [
        (edited("state", 0, name="block_x"), "observation.state.quantities: expected exactly cube_x, cube_y"),
        (edited("action", 1, name="dz"), "action.quantities: expected exactly dx, dy, got dx, dz"),
        (edited("state", 4, unit="mm"), "goal_x: expected unit 'm', got 'mm'"),
        (edited("state", 1, high=0.1), "cube_y: expected a range that contains -0.2 to 0.2, got -0.2 to 0.1"),
        (blind(), "robot push_cell: observation.camera is missing."),
        (changed(encoding="mono8"), "expected rgb8 or bgr8, got mono8"),
        (
            CONTRACT.model_copy(update={"action": CONTRACT.action.model_copy(update={"meaning": "twist"})}),
            "action.meaning: expected push_vector, got twist",
        ),
    ],
)
def test_refuses_another_contract(contract, message):
    with pytest.raises(InputError) as refused:
        PushCell(contract, 1)
    assert message in str(refused.value)


def test_refuses_to_have_no_robots():
    with pytest.raises(ValueError, match="robots: expected 1 or more, got 0"):
        PushCell(CONTRACT, 0)
