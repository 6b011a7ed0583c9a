"""The environments of this package, as its entry points name them.

Every function imports its simulator when it is called, so that a fleet needs only the one that it uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet_contract.validation import InputError

if TYPE_CHECKING:
    from sim_bridge.environment import Environment
    from sim_bridge.environment_request import EnvironmentRequest


def push_cell(request: EnvironmentRequest) -> Environment:
    """Return push cells in MuJoCo."""
    from sim_bridge.push.cell import PushCell

    return PushCell(request.contract, request.robots)


def isaac_push_cell(request: EnvironmentRequest) -> Environment:
    """Return push cells in Isaac Gym."""
    from sim_bridge.isaac.push_cells import IsaacPushCell

    return IsaacPushCell(request.contract, request.robots)


def maze(request: EnvironmentRequest) -> Environment:
    """Return robots in the maze."""
    from sim_bridge.maze.environment import Maze

    return Maze(request.contract, request.robots, wind=0.0)


def windy_maze(request: EnvironmentRequest) -> Environment:
    """Return robots in the maze with wind."""
    from sim_bridge.maze.environment import WIND, Maze

    return Maze(request.contract, request.robots, wind=WIND)


def tabletop(request: EnvironmentRequest) -> Environment:
    """Return robots with different tasks on tables."""
    from sim_bridge.tabletop.environment import Tabletop

    return Tabletop(request.contract, request.robots, request.tasks)


def metaworld(request: EnvironmentRequest) -> Environment:
    """Return robots with different tasks of Meta-World."""
    from sim_bridge.metaworld.environment import Metaworld

    return Metaworld(request.contract, request.robots, request.tasks)


def benchmark(request: EnvironmentRequest) -> Environment:
    """Return robots at a task of the benchmark, in MuJoCo."""
    from sim_bridge.benchmark.tasks import benchmark_fleet

    return benchmark_fleet(request.task, request.contract, request.robots, request.episode_ticks)


def warp_benchmark(request: EnvironmentRequest) -> Environment:
    """Return robots at a task of the benchmark, in MuJoCo Warp."""
    from sim_bridge.benchmark.tasks import benchmark_fleet

    try:
        from sim_bridge.benchmark.warp_simulations import WarpSimulations
    except ModuleNotFoundError as error:
        raise InputError(
            f"environment.backend: expected the package {error.name} for mujoco_warp, which is not installed: install "
            "mujoco-warp==4.0.0, or set environment.backend: mujoco."
        ) from None
    return benchmark_fleet(request.task, request.contract, request.robots, request.episode_ticks, WarpSimulations)


def isaac_benchmark(request: EnvironmentRequest) -> Environment:
    """Return robots at a task of the benchmark, in Isaac Gym."""
    from sim_bridge.benchmark.isaac_simulations import IsaacSimulations
    from sim_bridge.benchmark.tasks import benchmark_fleet

    return benchmark_fleet(request.task, request.contract, request.robots, request.episode_ticks, IsaacSimulations)
