from pathlib import Path

import numpy as np
import pytest

from fleet_contract.action import ActionKind
from fleet_contract.door import BadInput, read_yaml
from fleet_contract.robot import RobotContract
from sim_bridge.benchmark.fleet import MujocoFleet
from sim_bridge.benchmark.tasks import KINDS
from sim_bridge.conformance import EnvironmentConformance

ROBOTS = Path(__file__).parents[3] / "launch/config/robots"
CONTRACTS = {task: read_yaml(ROBOTS / f"{task}.yaml", RobotContract) for task in KINDS}


def fleet(task: str, robots: int, success_return: float = np.inf, horizon: int | None = None) -> MujocoFleet:
    return MujocoFleet(KINDS[task], CONTRACTS[task], robots, success_return, horizon)


def move(environment: MujocoFleet, actions_NA=None):
    shape = environment.robots, environment.contract.action_dim
    actions_NA = np.zeros(shape) if actions_NA is None else np.broadcast_to(actions_NA, shape)
    return environment.step(np.full(environment.robots, ActionKind.MOVE), actions_NA)


class TestBallBalanceConforms(EnvironmentConformance):
    steps_to_violate = 300

    def make(self, robots: int) -> MujocoFleet:
        return fleet("ball_balance", robots)


class TestAntConforms(EnvironmentConformance):
    steps_to_violate = 2000

    def make(self, robots: int) -> MujocoFleet:
        return fleet("ant", robots)


class TestAnymalConforms(EnvironmentConformance):
    steps_to_violate = 500

    def make(self, robots: int) -> MujocoFleet:
        return fleet("anymal", robots)


class TestFrankaCubeStackConforms(EnvironmentConformance):
    steps_to_violate = None

    def make(self, robots: int) -> MujocoFleet:
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
def test_an_episode_ends_by_time_and_another_begins(task):
    environment = fleet(task, 2, success_return=np.inf, horizon=3)
    first = environment.start(4).states_NS
    steps = [move(environment) for _ in range(4)]
    assert [step.ended_N.tolist() for step in steps] == [[False] * 2, [False] * 2, [True] * 2, [False] * 2]
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
    assert last.ended_N.all()


def test_refuses_a_contract_with_other_numbers():
    with pytest.raises(BadInput, match=r"observation\.state\.quantities: found"):
        MujocoFleet(KINDS["ant"], CONTRACTS["anymal"], 2, 0.0)


def test_refuses_no_robots():
    with pytest.raises(ValueError, match="robots is 0"):
        fleet("ant", 0)
