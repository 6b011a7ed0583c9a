from pathlib import Path

import numpy as np
import pytest

from fleet_contract.action import ActionKind
from fleet_contract.fleet import EnvironmentConfig
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, read_yaml
from sim_bridge.backends import BACKENDS, make_environment
from sim_bridge.maze.environment import Maze
from sim_bridge.push.cell import PushCell

ROBOTS = Path(__file__).parents[3] / "launch/config/robots"
CONTRACT = read_yaml(ROBOTS / "push_cell.yaml", RobotContract)
POINTBOT = read_yaml(ROBOTS / "pointbot.yaml", RobotContract)


def test_creates_the_environment():
    environment = make_environment("mujoco", "block_push", CONTRACT, 2)
    assert isinstance(environment, PushCell)
    assert environment.robots == 2
    assert environment.contract is CONTRACT


@pytest.mark.parametrize(("task", "blown"), [("navigation", 0.0), ("windy_navigation", 1.0)])
def test_the_maze_with_and_without_wind(task, blown):
    environment = make_environment("numpy", task, POINTBOT, 2)
    assert isinstance(environment, Maze)
    assert environment.contract is POINTBOT
    environment._poses_N2[:] = (125.0, 25.0)
    environment.step(np.array([ActionKind.MOVE, ActionKind.HOLD]), np.zeros((2, 2)))
    np.testing.assert_array_equal(environment._poses_N2, [(125.0, 25.0 + blown), (125.0, 25.0)])


@pytest.mark.parametrize(
    ("backend", "task", "message"),
    [
        (
            "numpy",
            "block_push",
            "environment.task: expected one of navigation, windy_navigation with backend numpy, got block_push.",
        ),
        (
            "mujoco",
            "juggling",
            (
                "environment.task: expected one of block_push, ball_balance, ant, anymal, franka_cube_stack "
                "with backend mujoco, got juggling."
            ),
        ),
        (
            "gazebo",
            "block_push",
            "environment.backend: expected one of mujoco, mujoco_warp, isaacgym, numpy, got gazebo.",
        ),
    ],
)
def test_refuses_unknown_backends_and_tasks(backend, task, message):
    with pytest.raises(InputError) as refused:
        make_environment(backend, task, CONTRACT, 2)
    assert str(refused.value) == message


def test_every_simulator_of_the_fleet_file_is_a_backend():
    allowed = EnvironmentConfig.model_json_schema()["properties"]["backend"]["enum"]
    simulators = {
        EnvironmentConfig.model_construct(backend=backend, task="block_push").simulator for backend in allowed
    }
    assert simulators - {"ros", "replay"} == set(BACKENDS), "ros stands for real robots, replay for recordings"
