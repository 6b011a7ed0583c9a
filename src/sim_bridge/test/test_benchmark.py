from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, read_yaml
from sim_bridge.benchmark.fleet import SimulatedFleet
from sim_bridge.benchmark.tasks import KINDS, benchmark_fleet
from sim_bridge.conformance import EnvironmentConformance

ROBOTS = Path(__file__).parents[3] / "launch/config/robots"
CONTRACTS = {task: read_yaml(ROBOTS / f"{task}.yaml", RobotContract) for task in KINDS}


def fleet(task: str, robots: int, success_return: float = np.inf, horizon: int | None = None) -> SimulatedFleet:
    return SimulatedFleet(KINDS[task], CONTRACTS[task], robots, success_return, horizon)


def move(environment: SimulatedFleet, actions_NA=None):
    shape = environment.robots, environment.contract.action_dim
    actions_NA = np.zeros(shape) if actions_NA is None else np.broadcast_to(actions_NA, shape)
    return environment.step(np.full(environment.robots, ActionKind.MOVE), actions_NA)


class TestBallBalanceConforms(EnvironmentConformance):
    steps_to_violate = 300

    def make(self, robots: int) -> SimulatedFleet:
        return fleet("ball_balance", robots)


class TestAntConforms(EnvironmentConformance):
    steps_to_violate = 2000

    def make(self, robots: int) -> SimulatedFleet:
        return fleet("ant", robots)


class TestAnymalConforms(EnvironmentConformance):
    steps_to_violate = 500

    def make(self, robots: int) -> SimulatedFleet:
        return fleet("anymal", robots)


class TestFrankaCubeStackConforms(EnvironmentConformance):
    steps_to_violate = None

    def make(self, robots: int) -> SimulatedFleet:
        return fleet("franka_cube_stack", robots)


@pytest.mark.parametrize(
    ("task", "dims"),
    {"ball_balance": (24, 3), "ant": (60, 8), "anymal": (48, 12), "franka_cube_stack": (19, 7)}.items(),
)
def test_dimensions_are_those_of_the_paper(task, dims):
    assert (CONTRACTS[task].state_dim, CONTRACTS[task].action_dim) == dims


@pytest.mark.parametrize("task", KINDS)
def test_threads_do_not_change_the_run(task, monkeypatch):
    runs = []
    for per_thread in (1, 100):
        monkeypatch.setattr("sim_bridge.benchmark.fleet.ROBOTS_PER_THREAD", per_thread)
        environment = fleet(task, 4)
        rng = np.random.default_rng(0)
        runs.append([move(environment, rng.uniform(-1, 1, (4, environment.contract.action_dim))) for _ in range(30)])
    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one.states_NS, other.states_NS)


@pytest.mark.parametrize("task", KINDS)
def test_an_episode_is_truncated_at_its_time_limit_and_another_begins(task):
    environment = fleet(task, 2, success_return=np.inf, horizon=3)
    first = environment.reset(4).states_NS
    steps = [move(environment) for _ in range(4)]
    assert [step.episode_over_N.tolist() for step in steps] == [[False] * 2, [False] * 2, [True] * 2, [False] * 2]
    assert [step.truncated_N.tolist() for step in steps] == [[False] * 2, [False] * 2, [True] * 2, [False] * 2]
    assert not any(step.terminated_N.any() for step in steps)
    assert not any(step.succeeded_N.any() for step in steps)
    assert not np.allclose(steps[2].states_NS, first)


@pytest.mark.parametrize("task", ["ball_balance", "ant", "anymal"])
def test_an_episode_with_enough_return_is_a_success(task):
    returns = sum(move(environment).rewards_N for environment in [fleet(task, 2)] for _ in range(5))
    between = returns.mean()
    assert returns.min() < between < returns.max(), "robots differ"
    environment = fleet(task, 2, success_return=between, horizon=5)
    *_, last = (move(environment) for _ in range(5))
    np.testing.assert_array_equal(last.succeeded_N, returns > between)
    assert last.truncated_N.all(), "the time limit ended the episode, success or not"
    assert not last.terminated_N.any()


@pytest.mark.parametrize(
    ("off_xy", "off_z", "hand_away", "done"),
    [
        (0.0, 0.0, True, True),
        (0.018, 0.0, True, True),
        (0.022, 0.0, True, False),
        (0.0, 0.022, True, False),
        (0.0, 0.0, False, False),
    ],
)
def test_a_cube_is_stacked_when_it_lies_on_the_other_and_the_hand_is_away(off_xy, off_z, hand_away, done):
    """IIFL's rule: within 2 cm to the side and up, and 4 cm from the hand."""
    environment = fleet("franka_cube_stack", 1)
    environment.reset(0)
    task = environment._task
    hand_3 = task._hand_N3[0].copy()
    b_3 = hand_3 + ([0.3, 0.0, 0.0] if hand_away else [0.0, 0.0, -0.06])
    task._b_N7[0, :3] = (*b_3[:2], 0.035)
    task._a_N7[0, :3] = (b_3[0] + off_xy, b_3[1], 0.07 + 0.025 + off_z)
    if not hand_away:
        task._hand_N3.flags.writeable = True
        task._hand_N3[0] = task._a_N7[0, :3]
    assert task.judge(np.array([0])).completed_I.tolist() == [done]


@pytest.mark.parametrize("task", ["ant", "anymal", "ball_balance"])
def test_a_robot_on_its_back_or_a_ball_on_the_ground_is_a_violation(task):
    environment = fleet(task, 2)
    environment.reset(0)
    if task == "ball_balance":
        environment._task._ball_N3[0, 2] = 0.19
    else:
        environment._batch.bind("qpos")[0, 2:7] = (0.27 if task == "ant" else 0.12, 0.0, 1.0, 0.0, 0.0)
    step = move(environment)
    assert step.violated_N.tolist() == [True, False]
    assert not (step.terminated_N | step.truncated_N).any(), "the episode waits for its hard reset"


@pytest.mark.parametrize("horizon", [1, 10])
def test_a_completed_task_terminates_its_episode_even_at_the_time_limit(horizon, monkeypatch):
    environment = fleet("franka_cube_stack", 2, horizon=horizon)
    judge = environment._task.judge
    completed_N = np.array([True, False])
    monkeypatch.setattr(environment._task, "judge", lambda robots_I: replace(judge(robots_I), completed_I=completed_N))
    step = move(environment)
    assert step.succeeded_N.tolist() == [True, False]
    assert step.terminated_N.tolist() == [True, False]
    assert step.truncated_N.tolist() == [False, horizon == 1]


@pytest.mark.parametrize("horizon", [1, 10])
def test_a_violation_alone_ends_no_episode_and_its_hard_reset_terminates_it(horizon, monkeypatch):
    environment = fleet("ant", 2, success_return=-np.inf, horizon=horizon)
    judge = environment._task.judge
    violated_N = np.array([True, False])
    monkeypatch.setattr(environment._task, "judge", lambda robots_I: replace(judge(robots_I), violated_I=violated_N))
    step = move(environment)
    assert step.violated_N.tolist() == [True, False]
    assert not step.terminated_N.any()
    assert step.truncated_N.tolist() == [False, horizon == 1]
    kinds_N = np.array([ActionKind.HARD_RESET, ActionKind.HOLD])
    step = environment.step(kinds_N, np.zeros((2, environment.contract.action_dim)))
    assert step.terminated_N.tolist() == [True, False]
    assert not (step.truncated_N | step.violated_N | step.succeeded_N).any()


def test_refuses_a_contract_with_other_numbers():
    with pytest.raises(InputError, match=r"observation\.state\.quantities: expected exactly"):
        SimulatedFleet(KINDS["ant"], CONTRACTS["anymal"], 2, 0.0)


@pytest.mark.parametrize("task", KINDS)
@pytest.mark.parametrize("ticks", [0, 51, 5000])
def test_refuses_a_time_limit_without_a_measured_return(task, ticks):
    with pytest.raises(
        InputError,
        match=rf"^environment\.episode_ticks: expected a multiple of 50 up to \d+ with task {task}, got {ticks}\.$",
    ):
        benchmark_fleet(task, CONTRACTS[task], 2, ticks)


def test_refuses_no_robots():
    with pytest.raises(ValueError, match="robots: expected 1 or more, got 0"):
        fleet("ant", 0)
