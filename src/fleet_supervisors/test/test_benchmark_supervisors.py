"""Supervisors of the benchmark complete their tasks, and styles differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml
from fleet_supervisors import balance, stack
from fleet_supervisors.learned import MIRRORS
from fleet_supervisors.supervisors import make_supervisor, styles_of
from sim_bridge.benchmark.ball_balance import ACTION_RAD
from sim_bridge.benchmark.fleet import SimulatedFleet
from sim_bridge.benchmark.franka_cube_stack_model import CUBE_A_M, CUBE_B_M
from sim_bridge.benchmark.tasks import KINDS
from sim_bridge.episodes import Transition, act_by_state, drive_until_over

ROBOTS = Path(__file__).parents[3] / "launch/config/robots"
CONTRACTS = {task: read_yaml(ROBOTS / f"{task}.yaml", RobotContract) for task in KINDS}


def driven(task: str, style: str, robots: int, ticks: int) -> list[Transition]:
    """The transitions of robots that are all driven in one style, each until its first episode is over."""
    fleet = SimulatedFleet(KINDS[task], CONTRACTS[task], robots, np.inf)
    supervisor = make_supervisor(task, style, CONTRACTS[task], 0, 0)
    supervisor.begin()
    act = act_by_state([supervisor.act], CONTRACTS[task].action_dim)
    return list(drive_until_over(fleet, fleet.reset(7), act, ticks=ticks))


def test_constants_are_those_of_the_simulations():
    assert (stack.CUBE_A_M, stack.CUBE_B_M) == (CUBE_A_M, CUBE_B_M)
    assert balance.STEP_RAD == ACTION_RAD


@pytest.mark.parametrize("style", styles_of("ball_balance"))
def test_balls_stay_on_the_tray_and_come_to_its_centre(style):
    last = driven("ball_balance", style, 20, 500)[-1]
    assert np.mean(last.after.violated_N) <= 0.1
    away_N = np.hypot(*last.before.states_NS[~last.after.violated_N, 6:8].T)
    assert np.median(away_N) < 0.05


@pytest.mark.parametrize("style", styles_of("franka_cube_stack"))
def test_cubes_are_stacked(style):
    transitions = driven("franka_cube_stack", style, 10, 300)
    assert np.any([transition.after.succeeded_N for transition in transitions], axis=0).mean() >= 0.9


def test_the_styles_grasp_by_different_faces():
    """After grasping the same cube, the hands of both styles differ by a quarter turn (IIFL figure 5)."""
    yaws = []
    for style in styles_of("franka_cube_stack"):
        states_NS = driven("franka_cube_stack", style, 5, 60)[-1].before.states_NS
        x, y, z, w = states_NS[:, 13:17].T
        yaws.append(np.arctan2(2 * (x * y + w * z), 1 - 2 * (y * y + z * z)))
    apart_N = np.abs(np.remainder(yaws[0] - yaws[1] + np.pi, 2 * np.pi) - np.pi)
    np.testing.assert_allclose(apart_N, np.pi / 2, atol=0.2)


@pytest.mark.parametrize("task", MIRRORS)
def test_mirroring_twice_changes_nothing(task):
    contract = CONTRACTS[task]
    rng = np.random.default_rng(0)
    for quantities in (contract.observation.state.quantities, contract.action.quantities):
        order, signs = MIRRORS[task].mirror([quantity.name for quantity in quantities])
        values = rng.normal(size=len(order))
        np.testing.assert_array_equal(signs * (signs * values[order])[order], values)
        assert (order != np.arange(len(order))).any()


@pytest.mark.parametrize("task", MIRRORS)
def test_a_mirrored_robot_with_mirrored_actions_moves_mirrored(task):
    """Physics is the oracle: with mirrored state and actions the robot moves mirrored."""
    contract, kind = CONTRACTS[task], KINDS[task]
    (order_S, signs_S), (order_A, signs_A) = (
        MIRRORS[task].mirror([quantity.name for quantity in of])
        for of in (contract.observation.state.quantities, contract.action.quantities)
    )
    fleet = SimulatedFleet(kind, contract, 2, np.inf)
    fleet.reset(3)
    _mirror_first_onto_second(fleet, task)
    rng = np.random.default_rng(1)
    for _ in range(10):
        action_A = rng.uniform(-1, 1, contract.action_dim)
        step = fleet.step(np.full(2, ActionKind.MOVE), np.stack([action_A, signs_A * action_A[order_A]]))
        one_S, other_S = step.states_NS
        np.testing.assert_allclose(other_S, signs_S * one_S[order_S], atol=1e-6)


def _mirror_first_onto_second(fleet: SimulatedFleet, task: str) -> None:
    qpos_NQ, qvel_NV = fleet._batch.bind("qpos"), fleet._batch.bind("qvel")
    order_J, signs_J = MIRRORS[task].mirror([quantity.name for quantity in fleet.contract.action.quantities])
    qpos_NQ[1, :7] = qpos_NQ[0, :7] * [1, -1, 1, 1, -1, 1, -1]
    qpos_NQ[1, 7:] = signs_J * qpos_NQ[0, 7:][order_J]
    qvel_NV[1, :6] = qvel_NV[0, :6] * [1, -1, 1, -1, 1, -1]
    qvel_NV[1, 6:] = signs_J * qvel_NV[0, 6:][order_J]
    if task == "anymal":
        commands_N3 = fleet._task._commands_N3
        commands_N3[1] = commands_N3[0] * [1, -1, -1]
