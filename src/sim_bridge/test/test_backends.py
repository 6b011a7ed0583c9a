import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fleet_contract.action import ActionKind
from fleet_contract.plugins import plugin_names
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, read_yaml
from sim_bridge import traits
from sim_bridge.backends import (
    BENCHMARK,
    GROUP,
    TRAITS_GROUP,
    make_environment,
    require_environment,
    simulated_backends,
    tasks_within,
)
from sim_bridge.environment_traits import EnvironmentTraits
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
            (
                "environment.task: expected one of navigation, windy_navigation with backend numpy, or module:Class, "
                "got block_push."
            ),
        ),
        (
            "mujoco",
            "juggling",
            (
                "environment.task: expected one of ant, anymal, ball_balance, block_push, franka_cube_stack, tabletop "
                "with backend mujoco, or module:Class, got juggling."
            ),
        ),
        (
            "gazebo",
            "block_push",
            f"environment.backend: expected one of {', '.join(simulated_backends())}, got gazebo.",
        ),
        (
            "numpy",
            "sim_bridge.nowhere:Maze",
            (
                "environment.task: expected module:Class that can be imported, got 'sim_bridge.nowhere:Maze': "
                "No module named 'sim_bridge.nowhere'."
            ),
        ),
    ],
)
def test_refuses_unknown_backends_and_tasks(backend, task, message):
    with pytest.raises(InputError) as refused:
        make_environment(backend, task, CONTRACT, 2)
    assert str(refused.value) == message


def test_makes_an_environment_that_no_package_has_registered():
    environment = make_environment("numpy", "sim_bridge.environments:windy_maze", POINTBOT, 2)
    assert isinstance(environment, Maze)
    assert environment.robots == 2


@pytest.mark.parametrize("backend", ["mujoco", "mujoco_warp", "isaacgym"])
def test_every_physics_simulator_offers_the_benchmark(backend):
    for task in BENCHMARK:
        require_environment(backend, task, episode_ticks=50)


@pytest.mark.parametrize(
    ("backend", "task"), [("mujoco", "block_push"), ("mujoco", "ant"), ("mujoco", "tabletop"), ("metaworld", "mt6")]
)
def test_a_choice_is_checked_without_importing_its_environment(backend, task):
    code = (
        "import sys; from sim_bridge.backends import require_environment; "
        f"require_environment({backend!r}, {task!r}); assert not {{'mujoco', 'sim_bridge.environments'}} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_tasks_with_episodes_of_a_fixed_length_refuse_another():
    with pytest.raises(InputError, match=r"^environment\.episode_ticks: expected none with task navigation, got 5\.$"):
        require_environment("numpy", "navigation", episode_ticks=5)


def test_traits_are_those_of_environments():
    assert set(plugin_names(TRAITS_GROUP)) <= set(plugin_names(GROUP))


def test_tasks_of_robots_are_those_that_their_environment_declares(monkeypatch):
    monkeypatch.setattr(traits, "FIXED_EPISODES", EnvironmentTraits(tasks=("walk", "return")))
    assert tasks_within("numpy", "navigation") == ("walk", "return")
    require_environment("numpy", "navigation", episode_ticks=5, tasks=("return",))
    with pytest.raises(InputError, match=r"^robots\.tasks: expected some of walk, return, got fly\.$"):
        require_environment("numpy", "navigation", tasks=("fly",))
