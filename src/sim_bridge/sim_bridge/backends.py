"""The environments by backend and task.

To add a task to a backend, write a class that implements `sim_bridge.environment.Environment` and passes
`sim_bridge.conformance.EnvironmentConformance`, a function here that creates it, and an entry in `BACKENDS`. To add a backend, add a key to
`BACKENDS` and to `fleet_contract.fleet.EnvironmentConfig.backend`. Functions import their simulator when they are called, so that a fleet
needs only the one that it uses.
"""

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
    """Creates simulations of a model: takes the model and their number."""
    MakeEnvironment = Callable[[RobotContract, int, int | None], Environment]
    """Creates an environment: takes the contract, the number of robots, and the ticks of an episode (None: the task's own number)."""


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


def _host_simulations() -> Simulate:
    from sim_bridge.benchmark.fleet import simulate_here

    return simulate_here


def _warp_simulations() -> Simulate:
    try:
        from sim_bridge.benchmark.warp_simulations import WarpSimulations
    except ModuleNotFoundError as error:
        raise InputError(
            f"environment.backend: expected the package {error.name} for mujoco_warp, which is not installed: install "
            "mujoco-warp==4.0.0, or set environment.backend: mujoco."
        ) from None
    return WarpSimulations


def _isaac_simulations() -> Simulate:
    from sim_bridge.benchmark.isaac_simulations import IsaacSimulations

    return IsaacSimulations


def _benchmark(load: Callable[[], Simulate]) -> dict[str, MakeEnvironment]:
    """Return how the benchmark's tasks are created in a simulator; `load` imports it and returns how its simulations are created."""

    def of_task(task: str) -> MakeEnvironment:
        def make(contract: RobotContract, robots: int, episode_ticks: int | None) -> Environment:
            from sim_bridge.benchmark.tasks import benchmark_fleet

            return benchmark_fleet(task, contract, robots, episode_ticks, load())

        return make

    return {task: of_task(task) for task in BENCHMARK}


BENCHMARK = ("ball_balance", "ant", "anymal", "franka_cube_stack")
"""Tasks of IIFL's simulated benchmark, which every physics simulator offers."""
BACKENDS: Mapping[str, Mapping[str, MakeEnvironment]] = {
    "mujoco": {"block_push": _mujoco_block_push, **_benchmark(_host_simulations)},
    "mujoco_warp": _benchmark(_warp_simulations),
    "isaacgym": {"block_push": _isaacgym_block_push, **_benchmark(_isaac_simulations)},
    "numpy": {"navigation": _numpy_navigation, "windy_navigation": _numpy_windy_navigation},
}
"""Functions that create the environments, by backend and task."""


def make_environment(
    backend: str, task: str, contract: RobotContract, robots: int, episode_ticks: int | None = None
) -> Environment:
    """Return an environment.

    Args:
        backend: one of `BACKENDS`.
        task: one of the backend's tasks.
        contract: the robots' contract.
        robots: number of robots.
        episode_ticks: ticks of an episode, for tasks of the benchmark only (default: the task's own number).

    Raises:
        InputError: backend, task or length are unknown, the backend is not installed, or the contract is not that of the task.
        ValueError: there are no robots.
    """
    require_environment(backend, task, episode_ticks)
    return BACKENDS[backend][task](contract, robots, episode_ticks)


def require_environment(backend: str, task: str, episode_ticks: int | None = None) -> None:
    """Refuse a choice for which there is no environment, without importing a simulator.

    Raises:
        InputError: backend or task are unknown, or the length of the task's episodes cannot be chosen.
    """
    tasks = BACKENDS.get(backend)
    if tasks is None:
        raise InputError(f"environment.backend: expected one of {', '.join(BACKENDS)}, got {backend}.")
    if task not in tasks:
        raise InputError(f"environment.task: expected one of {', '.join(tasks)} with backend {backend}, got {task}.")
    if episode_ticks is not None and task not in BENCHMARK:
        raise InputError(f"environment.episode_ticks: expected none with task {task}, got {episode_ticks}.")
