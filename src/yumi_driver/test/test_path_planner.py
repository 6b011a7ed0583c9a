"""Tests the paths of the tool with the arms' own kinematics."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab import CONTRACT, GEOMETRY

from sim_bridge.push.plan import plan_pushes
from yumi_driver.agent.joint_path import OutOfReach
from yumi_driver.agent.path_planner import LIFT_M, PathPlanner
from yumi_driver.cell import ArmConfig, Workspace
from yumi_driver.kinematics import ARM_KINEMATICS, FASTEST_DEG_S_7, HIGHEST_DEG_7, LOWEST_DEG_7
from yumi_driver.limits import read_limits
from yumi_driver.messages import Push
from yumi_driver.simulated.gateway import ARMS

LIMITS = read_limits()
CONFIGS = {name: ArmConfig.model_validate(config | {"egm_port": 1, "camera": "-"}) for name, config in ARMS.items()}
TICK_S = 0.02
positions = st.floats(-0.12, 0.12)


def push_command(start, yaw, travel):
    return Push(number=1, arm="left", start=start, yaw=yaw, travel=travel, echo=1)


def sampled(name, path):
    """Return joint angles (T, 7), and positions (T, 3) and yaws (T,) of the foot, every TICK_S."""
    times = np.arange(0.0, path.duration_s + TICK_S, TICK_S)
    joints_deg_T7 = np.array([path.at(time) for time in times])
    config = CONFIGS[name]
    feet = [config.workspace.foot(ARM_KINEMATICS[config.unit].tip(joints_deg_7)) for joints_deg_7 in joints_deg_T7]
    return joints_deg_T7, np.array([position_3 for position_3, _ in feet]), np.array([yaw for _, yaw in feet])


@pytest.mark.parametrize("name", ARMS)
@settings(max_examples=15)
@given(x=positions, y=positions, direction=st.floats(-3.14, 3.14), length=st.floats(0.002, 0.035))
def test_every_push_in_the_workspace_is_carried_out_within_the_limits(name, x, y, direction, length):
    action = length * np.array([np.cos(direction), np.sin(direction)])
    push = plan_pushes(np.array([[x, y, 0.3]]), action[None], GEOMETRY)
    start_2, travel, yaw = push.starts_I2[0], float(push.travels_I[0]), float(push.yaws_I[0])
    config = CONFIGS[name]
    path = PathPlanner(config, LIMITS).push(push_command(tuple(start_2), yaw, travel), np.array(config.parked_deg))
    joints_deg_T7, feet_T3, yaws_T = sampled(name, path)
    assert ((joints_deg_T7 >= LOWEST_DEG_7) & (joints_deg_T7 <= HIGHEST_DEG_7)).all()
    assert (np.abs(np.diff(joints_deg_T7, axis=0)) <= FASTEST_DEG_S_7 * TICK_S).all()
    speeds_T = np.linalg.norm(np.diff(feet_T3, axis=0), axis=1) / TICK_S
    assert speeds_T.max() <= 1.05 * LIMITS.travel_m_s.value
    down_T = feet_T3[:, 2] < 0.002
    along_T = (feet_T3[down_T, :2] - start_2) @ action / length
    across_T = (feet_T3[down_T, :2] - start_2) @ [-action[1], action[0]] / length
    assert speeds_T[down_T[1:] & down_T[:-1]].max() <= 1.05 * LIMITS.push_m_s.value
    assert along_T.max() == pytest.approx(travel, abs=5e-4)
    assert along_T.min() == pytest.approx(0.0, abs=5e-4)
    assert np.abs(across_T).max() < 5e-4
    turned_T = (yaws_T[down_T] - direction + np.pi / 2) % np.pi - np.pi / 2
    assert np.abs(turned_T).max() < 0.01, "the pusher is perpendicular to the push"
    first, last = np.flatnonzero(down_T)[[0, -1]]
    beside_T = np.linalg.norm(feet_T3[:, :2] - feet_T3[first, :2], axis=1)
    assert (feet_T3[:first, 2][beside_T[:first] > 1e-3] > LIFT_M - 1e-3).all(), "it travels lifted"
    assert np.linalg.norm(feet_T3[-1] - feet_T3[0]) < 1e-3
    assert last < len(feet_T3) - 1


@pytest.mark.parametrize(("start", "yaw", "travel"), [((0.17, 0.0), 3.1, 0.02), ((0.0, 0.14), 1.57, 0.03)])
def test_both_ends_of_a_push_must_be_inside_the_workspace(start, yaw, travel):
    config = CONFIGS["left"]
    with pytest.raises(OutOfReach, match=r"is outside the workspace of \+-0.160 m"):
        PathPlanner(config, LIMITS).push(push_command(start, yaw, travel), np.array(config.parked_deg))


def test_an_arm_over_its_workspace_moves_up_before_it_parks():
    config = CONFIGS["right"]
    planner, kinematics = PathPlanner(config, LIMITS), ARM_KINEMATICS[config.unit]
    path = planner.push(push_command((0.05, -0.05), 0.4, 0.03), np.array(config.parked_deg))
    _, feet_T3, _ = sampled("right", path)
    down = int(np.flatnonzero(feet_T3[:, 2] < 0.002)[10])
    back = planner.park(path.at(down * TICK_S))
    _, feet_T3, _ = sampled("right", back)
    below_T = feet_T3[:, 2] < LIFT_M - 1e-3
    assert np.linalg.norm(feet_T3[below_T, :2] - feet_T3[0, :2], axis=1).max() < 1e-3
    parked_3, _ = config.workspace.foot(kinematics.tip(np.array(config.parked_deg)))
    np.testing.assert_allclose(feet_T3[-1], parked_3, atol=1e-3)


def test_an_arm_elsewhere_must_be_jogged():
    config = CONFIGS["left"]
    with pytest.raises(OutOfReach, match="jog it to its parked posture"):
        PathPlanner(config, LIMITS).park(np.array([0.0, -130.0, 30.0, 0.0, 40.0, 0.0, 135.0]))


@given(x=positions, y=positions, lift=st.floats(0, 0.1), yaw=st.floats(-3.1, 3.1), turn=st.floats(-180, 180))
def test_foot_is_the_inverse_of_flange(x, y, lift, yaw, turn):
    workspace = Workspace(middle_mm=(400, -200, 250), yaw_deg=turn, half_m=0.14)
    position_3, found = workspace.foot(workspace.flange(x, y, lift, yaw))
    np.testing.assert_allclose(position_3, [x, y, lift], atol=1e-9)
    assert np.cos(found - yaw) == pytest.approx(1.0)


def test_the_contract_and_the_simulated_lab_have_the_same_size():
    half_m = CONTRACT.observation.state.quantities[0].high
    assert all(config.workspace.half_m == half_m for config in CONFIGS.values())
