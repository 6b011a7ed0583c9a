"""The physics of the benchmark's robots, compared with published kinematics, free fall, the control law and finite differences."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml
from sim_bridge.benchmark.ball_balance import START_DOWN_M_PER_S
from sim_bridge.benchmark.ball_balance_model import BALL_RADIUS_M, TRAY_HEIGHT_M, TRAY_THICKNESS_M
from sim_bridge.benchmark.cartesian_control import STIFFNESS
from sim_bridge.benchmark.fleet import SimulatedFleet
from sim_bridge.benchmark.franka_cube_stack import REACH_M, REACH_RAD
from sim_bridge.benchmark.franka_cube_stack_model import STAND_M
from sim_bridge.benchmark.tasks import KINDS
from sim_bridge.benchmark.turning import into_body, matrices, wrapped

ROBOTS = Path(__file__).parents[3] / "launch/config/robots"
CONTRACTS = {task: read_yaml(ROBOTS / f"{task}.yaml", RobotContract) for task in KINDS}
GRAVITY = 9.81
FRANKA_DH = [
    # a, d, alpha of Franka's data sheet (Craig's convention), m and radians.
    (0.0, 0.333, 0.0),
    (0.0, 0.0, -np.pi / 2),
    (0.0, 0.316, np.pi / 2),
    (0.0825, 0.0, np.pi / 2),
    (-0.0825, 0.384, -np.pi / 2),
    (0.0, 0.0, np.pi / 2),
    (0.088, 0.0, np.pi / 2),
]
FLANGE_M, GRIP_M = 0.107, 0.1034


def fleet(task: str, robots: int) -> SimulatedFleet:
    return SimulatedFleet(KINDS[task], CONTRACTS[task], robots, np.inf)


def move(environment: SimulatedFleet, actions_NA):
    shape = environment.robots, environment.contract.action_dim
    return environment.step(np.full(environment.robots, ActionKind.MOVE), np.broadcast_to(actions_NA, shape))


def by_dh(angles_7) -> np.ndarray:
    """Return the position of the point between the finger tips."""
    pose = np.eye(4)
    pose[2, 3] = STAND_M
    for (a, d, alpha), angle in zip(FRANKA_DH, angles_7, strict=True):
        c, s, ca, sa = np.cos(angle), np.sin(angle), np.cos(alpha), np.sin(alpha)
        pose = pose @ [[c, -s, 0, a], [s * ca, c * ca, -sa, -d * sa], [s * sa, c * sa, ca, d * ca], [0, 0, 0, 1]]
    return (pose @ [0, 0, FLANGE_M + GRIP_M, 1])[:3]


def test_the_hand_is_where_the_data_sheet_places_it():
    model = KINDS["franka_cube_stack"].model()
    data = mujoco.MjData(model)
    rng = np.random.default_rng(0)
    for _ in range(20):
        data.qpos[:7] = rng.uniform(*model.jnt_range[:7].T)
        mujoco.mj_forward(model, data)
        np.testing.assert_allclose(data.site("grip").xpos, by_dh(data.qpos[:7]), atol=1e-6)


@pytest.mark.parametrize("axis", range(6))
def test_the_hand_obeys_the_control_law(axis):
    """From rest, the hand moves like a unit mass in one step, along the axis only: v = k d (1 - c dt / 2) dt."""
    environment = fleet("franka_cube_stack", 4)
    environment.reset(5)
    model, task = environment._batch.model, environment._task
    dt = 1 / KINDS["franka_cube_stack"].rate_hz
    action_A = np.zeros(7)
    action_A[axis] = 0.2
    move(environment, action_A)
    asked = np.zeros(6)
    asked[axis] = 0.2 * (REACH_M if axis < 3 else REACH_RAD) * STIFFNESS * dt
    place_N3, hand = task._hand_N3.copy(), model.body("hand").id
    along_N3V, about_N3V = environment._batch.jac(hand, place_N3)
    velocity_N6 = np.einsum("iav,iv->ia", np.concatenate([along_N3V, about_N3V], 1), environment._batch.bind("qvel"))
    np.testing.assert_allclose(velocity_N6, np.tile(asked, (4, 1)), atol=0.1 * np.abs(asked).max())


def test_balls_fall_freely():
    environment = fleet("ball_balance", 20)
    begun, dt = environment.reset(2).states_NS, 1 / KINDS["ball_balance"].rate_hz
    on_tray_m = TRAY_HEIGHT_M + TRAY_THICKNESS_M / 2 + BALL_RADIUS_M
    for tick in range(1, 30):
        seen_NS = move(environment, np.zeros(3)).states_NS
        time_s = tick * dt
        height_N = begun[:, 8] - START_DOWN_M_PER_S * time_s - GRAVITY * time_s**2 / 2
        falling_N = height_N > on_tray_m + 0.05
        np.testing.assert_allclose(seen_NS[falling_N, 8], height_N[falling_N], atol=0.01)
        np.testing.assert_allclose(
            seen_NS[falling_N, 6:8], (begun[:, 6:8] + begun[:, 9:11] * time_s)[falling_N], atol=1e-9
        )


def test_a_tray_without_a_ball_stays_level():
    environment = fleet("ball_balance", 2)
    environment._task._ball_N3[:] = (5.0, 0.0, 50.0)
    for _ in range(100):
        move(environment, np.zeros(3))
    tray_N7 = environment._batch.bind("qpos")[:, :7]
    np.testing.assert_allclose(tray_N7[:, :3], [[0, 0, TRAY_HEIGHT_M]] * 2, atol=5e-3)
    np.testing.assert_allclose(np.abs(tray_N7[:, 3]), 1, atol=1e-4)


@pytest.mark.parametrize("task", ["ant", "anymal"])
def test_bodies_observe_their_own_velocity(task):
    """The observation is the velocity that MuJoCo computes in the body's frame."""
    environment = fleet(task, 5)
    environment.reset(6)
    rng, model = np.random.default_rng(0), environment._batch.model
    for _ in range(10):
        seen_NS = move(environment, rng.uniform(-1, 1, (5, environment.contract.action_dim))).states_NS
    body = model.body("torso" if task == "ant" else "base").id
    for robot, seen_S in enumerate(seen_NS):
        data, velocity_6 = mujoco.MjData(model), np.zeros(6)
        environment.data(robot, data)
        mujoco.mj_forward(model, data)
        mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_XBODY, body, velocity_6, 1)
        first, scales = (1, [1.0, 1.0]) if task == "ant" else (0, [2.0, 0.25])
        expected_6 = np.concatenate([scales[0] * velocity_6[3:], scales[1] * velocity_6[:3]])
        np.testing.assert_allclose(seen_S[first : first + 6], np.clip(expected_6, -10, 10), atol=1e-6)


def test_an_ant_is_rewarded_for_its_progress():
    """If one of two ants with the same actions is pushed forward, their rewards differ by that distance."""
    environment = fleet("ant", 1)
    rewards = []
    for shove_m in (0.0, 0.25):
        environment.reset(8)
        environment._batch.bind("qpos")[:, 0] += shove_m
        rewards.append(move(environment, np.full(8, 0.3)).rewards_N[0])
    assert rewards[1] - rewards[0] == pytest.approx(0.25 * KINDS["ant"].rate_hz)


def test_an_anymal_that_follows_its_command_gets_the_largest_reward():
    """It is 1.5 times the control step: 1 for the velocity and 0.5 for the yaw rate."""
    environment = fleet("anymal", 3)
    environment.reset(9)
    task, qvel_NV = environment._task, environment._batch.bind("qvel")
    turned_N33 = matrices(environment._batch.bind("qpos")[:, 3:7])
    velocity_N3 = into_body(turned_N33, qvel_NV[:, :3])
    task._commands_N3[:] = np.column_stack([velocity_N3[:, :2], qvel_NV[:, 5]])
    task._torques_NJ.flags.writeable = True
    task._torques_NJ[:] = 0.0
    np.testing.assert_allclose(task.judge(np.arange(3)).rewards_I, 1.5 / KINDS["anymal"].rate_hz)
    task._commands_N3[:, 0] += 0.5
    np.testing.assert_allclose(task.judge(np.arange(3)).rewards_I, (np.exp(-1) + 0.5) / KINDS["anymal"].rate_hz)


def test_the_mass_of_an_anymal_is_the_published_one():
    assert KINDS["anymal"].model().body_mass.sum() == pytest.approx(52.1, abs=1.0)


def test_matrices_are_those_of_scipy():
    quaternions_N4 = Rotation.random(20, rng=np.random.default_rng(0)).as_quat()
    turned = Rotation.from_quat(quaternions_N4)
    np.testing.assert_allclose(matrices(np.roll(quaternions_N4, 1, axis=1)), turned.as_matrix(), atol=1e-12)
    vectors_N3 = np.random.default_rng(1).normal(size=(20, 3))
    np.testing.assert_allclose(into_body(turned.as_matrix(), vectors_N3), turned.inv().apply(vectors_N3), atol=1e-12)


def test_angles_are_wrapped():
    np.testing.assert_allclose(
        wrapped(np.array([0.0, 4.0, -4.0, 9.0])), [0, 4 - 2 * np.pi, 2 * np.pi - 4, 9 - 2 * np.pi]
    )
