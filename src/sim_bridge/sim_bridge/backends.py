"""Which environments there are, by backend and task. A simulator is imported only when it is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet_contract.validation import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fleet_contract.robot import RobotContract
    from sim_bridge.benchmark.simulations import Simulations
    from sim_bridge.environment import Environment
    from sim_bridge.headless_mujoco import mujoco

    Simulate = Callable[[mujoco.MjModel, int], Simulations]
    """So many simulations of a model."""
    Make = Callable[[RobotContract, int, int | None], Environment]
    """Of a contract, for so many robots, with episodes of so many ticks."""


def _mujoco_block_push(contract: RobotContract, robots: int, _: int | None) -> Environment:
    from sim_bridge.push.cell import PushCell

    return PushCell(contract, robots)


def _isaacgym_block_push(contract: RobotContract, robots: int, _: int | None) -> Environment:
    from sim_bridge.isaac.push_cells import IsaacPushCell

    return IsaacPushCell(contract, robots)


def _numpy_navigation(contract: RobotContract, robots: int, _: int | None) -> Environment:
    from sim_bridge.maze.environment import Maze

    return Maze(contract, robots, wind=0.0)


def _numpy_windy_navigation(contract: RobotContract, robots: int, _: int | None) -> Environment:
    from sim_bridge.maze.environment import WIND, Maze

    return Maze(contract, robots, wind=WIND)


def _here() -> Simulate:
    from sim_bridge.benchmark.fleet import simulate_here

    return simulate_here


def _warp() -> Simulate:
    try:
        from sim_bridge.benchmark.warp_simulations import WarpSimulations
    except ModuleNotFoundError as error:
        raise InputError(
            f"environment.backend: found mujoco_warp without the package {error.name}: install mujoco-warp==4.0.0, "
            "or set environment.backend: mujoco."
        ) from None
    return WarpSimulations


def _isaacgym() -> Simulate:
    from sim_bridge.benchmark.isaac_simulations import IsaacSimulations

    return IsaacSimulations


def _benchmark(simulator: Callable[[], Simulate]) -> dict[str, Make]:
    """Makes of the benchmark's tasks in a simulator, which is imported when one of them is made."""

    def of(task: str) -> Make:
        def make(contract: RobotContract, robots: int, episode_ticks: int | None) -> Environment:
            from sim_bridge.benchmark.tasks import benchmark_fleet

            return benchmark_fleet(task, contract, robots, episode_ticks, simulator())

        return make

    return {task: of(task) for task in BENCHMARK}


BENCHMARK = ("ball_balance", "ant", "anymal", "franka_cube_stack")
"""Tasks of IIFL's simulated benchmark."""
BACKENDS: Mapping[str, Mapping[str, Make]] = {
    "mujoco": {"block_push": _mujoco_block_push, **_benchmark(_here)},
    "mujoco_warp": _benchmark(_warp),
    "isaacgym": {"block_push": _isaacgym_block_push, **_benchmark(_isaacgym)},
    "numpy": {"navigation": _numpy_navigation, "windy_navigation": _numpy_windy_navigation},
}
"""Backend, then task."""


def make_environment(
    backend: str, task: str, contract: RobotContract, robots: int, episode_ticks: int | None = None
) -> Environment:
    """`robots` robots of the contract, at the task, in the backend, with episodes of the task's own length or shorter.

    Raises:
        BadInput: there is no such backend, task or length, the backend is not installed, or the contract is not that task's.
        ValueError: there are no robots.
    """
    require_environment(backend, task, episode_ticks)
    return BACKENDS[backend][task](contract, robots, episode_ticks)


def require_environment(backend: str, task: str, episode_ticks: int | None = None) -> None:
    """Refuse what there is no environment for, without importing a simulator.

    Raises:
        BadInput: there is no such backend or task, or the length of the task's episodes cannot be chosen.
    """
    tasks = BACKENDS.get(backend)
    if tasks is None:
        raise InputError(f"environment.backend: found {backend}, allowed: {', '.join(BACKENDS)}.")
    if task not in tasks:
        raise InputError(f"environment.task: found {task}, allowed with backend {backend}: {', '.join(tasks)}.")
    if episode_ticks is not None and task not in BENCHMARK:
        raise InputError(f"environment.episode_ticks: found {episode_ticks}, allowed with task {task} is none.")
